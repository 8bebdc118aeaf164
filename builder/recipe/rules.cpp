// SPDX-License-Identifier: Apache-2.0
// Allow-lists of characters rather than lists of what is dangerous: what no rule allows never reaches a path, a shell,
// a boot entry or a URL.
#include "builder/recipe/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ainode {

namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kDigits = "0123456789";

bool has(std::string_view set, char byte) {
  return set.find(byte) != std::string_view::npos;
}

std::string show(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return code < 0x21 || code > 0x7E ? fmt::format("byte 0x{:02x}", code) : fmt::format("`{}`", byte);
}

/// The text is not empty, not longer than `longest`, begins with a letter or digit, and holds only letters, digits and
/// `others`.
std::string check_word(std::string_view text, bool upper, std::string_view others, std::size_t longest) {
  if (text.empty()) return "it is empty";
  if (text.size() > longest) return fmt::format("it is longer than {} characters", longest);
  const auto is_alphanumeric = [&](char byte) {
    return has(kLower, byte) || has(kDigits, byte) || (upper && has(kUpper, byte));
  };
  if (!is_alphanumeric(text[0])) return fmt::format("it begins with {}", show(text[0]));
  const auto bad =
      std::find_if(text.begin(), text.end(), [&](char byte) { return !is_alphanumeric(byte) && !has(others, byte); });
  return bad == text.end() ? "" : fmt::format("{} is not allowed here", show(*bad));
}

std::string check_choice(std::string_view text, std::initializer_list<std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return "";
  return fmt::format("it must be {}", fmt::join(choices, " or "));
}

}  // namespace

std::string check_summary(std::string_view text) {
  return text.size() > 200 ? "it is longer than 200 bytes" : check_line(text);
}

std::string check_name(std::string_view text) {
  return check_word(text, false, "-._", 64);
}

std::string check_account_name(std::string_view text) {
  // As useradd(8) takes them by default; 32 bytes are all that utmp holds.
  if (!text.empty() && text.front() == '_') return check_word("x" + std::string(text.substr(1)), false, "-_", 32);
  if (!text.empty() && has(kDigits, text.front())) return "it begins with a digit";
  return check_word(text, false, "-_", 32);
}

std::string check_architecture(std::string_view text) {
  return check_choice(text, {"amd64", "arm64"});
}

std::string check_archive_word(std::string_view text) {
  return check_word(text, false, "-.", 64);
}

std::string check_package_name(std::string_view text) {
  if (text.size() == 1) return "a package name has at least two characters";
  return check_word(text, false, "+-.", 128);
}

std::string check_version_glob(std::string_view text) {
  return check_word(text.starts_with('*') ? text.substr(1) : text, true, ".+~:*?-", 128);
}

std::string check_kernel_argument(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.size() > 1024) return "it is longer than 1024 characters";
  for (const char byte : text) {
    if (byte == ' ') return "one argument an item: a space would make two of it";
    if (byte < 0x21 || byte > 0x7E || has("\"'`\\", byte)) return fmt::format("{} is not allowed here", show(byte));
  }
  const std::string_view name = text.substr(0, text.find('='));
  if (name == "root" || name == "ostree") return fmt::format("`{}=` is set by the builder", name);
  return "";
}

std::string check_target_unit(std::string_view text) {
  if (!text.ends_with(".target")) return "it must name a unit that ends in .target";
  return check_word(text, true, ":-_.@", 128);
}

std::string check_partition_type(std::string_view text) {
  return check_choice(text, {"esp", "root"});
}

std::string check_filesystem(std::string_view text) {
  return check_choice(text, {"vfat", "ext4"});
}

std::string check_mount_point(std::string_view text) {
  if (!text.starts_with('/')) return "it must be an absolute path";
  if (text == "/") return "";
  while (!text.empty()) {
    const std::string_view name = text.substr(1, text.find('/', 1) - 1);
    if (std::string problem = check_word(name, true, "-._", 64); !problem.empty()) return problem;
    text.remove_prefix(name.size() + 1);
  }
  return "";
}

std::string check_key_name(std::string_view text) {
  if (text.find("-----BEGIN") != std::string_view::npos) return "a key is named here, never embedded";
  return check_word(text, true, "-_", 64);
}

std::string check_ref_template(std::string_view text) {
  return check_word(text.starts_with('{') ? text.substr(1) : text, true, "-._/{}", 200);
}

std::string check_disk_format(std::string_view text) {
  return check_choice(text, {"qcow2"});
}

std::string check_package_glob(std::string_view text) {
  if (text.empty()) return "it is empty";
  const auto bad = std::find_if(text.begin(), text.end(), [](char byte) {
    return !has(kLower, byte) && !has(kDigits, byte) && !has("+-.*?", byte);
  });
  return bad == text.end() ? "" : fmt::format("{} is not allowed here", show(*bad));
}

std::string check_unit(std::string_view text) {
  constexpr std::string_view kTypes[] = {"service", "socket", "timer",     "target", "path",
                                         "mount",   "swap",   "automount", "slice"};
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || std::ranges::find(kTypes, text.substr(dot + 1)) == std::end(kTypes))
    return "it must name a unit with its type, such as x.service";
  return check_word(text, true, ":-_.@", 128);
}

std::string check_file_path(std::string_view text) {
  if (text.empty()) return "it is empty";
  return text.size() > 1024 ? "it is longer than 1024 bytes" : check_line(text);
}

std::string check_line(std::string_view text) {
  const bool has_control = std::any_of(
      text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F; });
  return has_control ? "control characters are not allowed here" : "";
}

std::string check_any_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos ? "" : "it holds a NUL";
}

std::string check_kernel_option(std::string_view text) {
  if (text.starts_with("CONFIG_")) return "options are written without CONFIG_";
  return check_word(text, true, "_", 128);
}

std::string check_sysctl(std::string_view text) {
  return check_word(text, true, "._-/", 128);
}

std::string check_module_name(std::string_view text) {
  return check_word(text, true, "_-", 64);
}

std::string check_initrd(std::string_view text) {
  return check_choice(text, {"minimal", "dracut"});
}

std::string check_page_size(std::string_view text) {
  return check_choice(text, {"64K", "2M", "32M", "512M", "1G"});
}

std::string check_spread(std::string_view text) {
  return check_choice(text, {"even"});
}

std::string check_parameter_value(std::string_view text) {
  if (text.empty()) return "it is empty";
  const auto bad = std::find_if(text.begin(), text.end(),
                                [](char byte) { return byte < 0x21 || byte > 0x7E || has("\"'`\\#", byte); });
  return bad == text.end() ? "" : fmt::format("{} is not allowed here", show(*bad));
}

std::string check_resource(std::string_view text) {
  return check_choice(text, {"nofile", "memlock", "nproc"});
}

std::string check_resource_limit(std::string_view text) {
  const bool is_number = !text.empty() && text.size() < 19 && text.find_first_not_of(kDigits) == std::string_view::npos;
  return is_number || text == "unlimited" ? "" : "it must be a number or unlimited";
}

std::string check_thp(std::string_view text) {
  return check_choice(text, {"always", "madvise", "never"});
}

std::string check_runtime(std::string_view text) {
  return check_choice(text, {"podman"});
}

std::string check_port(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view protocol = text.substr(static_cast<std::size_t>(end - text.data()));
  const bool is_port = failure == std::errc() && text.front() != '0' && number >= 1 && number <= 65535;
  return is_port && (protocol == "/tcp" || protocol == "/udp")
             ? ""
             : "it must be a number from 1 to 65535 and a protocol, like 22/tcp or 4789/udp";
}

std::string check_tuning_profile(std::string_view text) {
  return check_choice(text, {"latency", "throughput"});
}

// The Container Device Interface's SPEC.md: lower case here, since a runtime compares bytes.
std::string check_cdi_name(std::string_view text) {
  const std::size_t slash = text.find('/'), equals = text.find('=');
  if (slash == std::string_view::npos || equals == std::string_view::npos || equals < slash)
    return "it must be like vendor.com/class=name";
  const std::string_view vendor = text.substr(0, slash), kind = text.substr(slash + 1, equals - slash - 1),
                         name = text.substr(equals + 1);
  for (const auto& [part, others] : {std::pair(vendor, "-."), std::pair(kind, "-_"), std::pair(name, "-_.:")}) {
    if (std::string problem = check_word(part, false, others, 63); !problem.empty()) return problem;
    if (std::string_view(others).find(part.back()) != std::string_view::npos)
      return fmt::format("`{}` ends with `{}`", part, part.back());
  }
  for (const char first : {vendor.front(), kind.front()})
    if (first >= '0' && first <= '9') return "vendor and class begin with a letter";
  return "";
}

std::string check_device_node(std::string_view text) {
  const std::size_t colon = text.find(':');
  for (const std::string_view path :
       {text.substr(0, colon), colon == std::string_view::npos ? text : text.substr(colon + 1)}) {
    if (!path.starts_with("/dev/")) return "it must lie below /dev";
    if (std::string problem = check_mount_point(path.substr(0, path.find(':')));
        !problem.empty() || path.find(':') != path.npos)
      return problem.empty() ? "it holds one `:` at most" : problem;
  }
  return "";
}

std::string check_lockdown(std::string_view text) {
  return check_choice(text, {"none", "integrity", "confidentiality"});
}

std::string check_processor_list(std::string_view text) {
  if (text.size() > 256) return "it is longer than 256 characters";
  const auto take_number = [&] {
    const std::size_t digits = std::min(text.find_first_not_of(kDigits), text.size());
    const int number = digits == 0 || digits > 5 ? -1 : std::stoi(std::string(text.substr(0, digits)));
    text.remove_prefix(digits);
    return number;
  };
  for (;;) {
    const int first = take_number();
    int last = first;
    if (text.starts_with('-')) text.remove_prefix(1), last = take_number();
    if (first < 0 || last < first) return "it must be like 2-15 or 1,3,8-11";
    if (text.empty()) return "";
    if (!text.starts_with(',')) return "it must be like 2-15 or 1,3,8-11";
    text.remove_prefix(1);
  }
}

std::string check_device_glob(std::string_view text) {
  return check_word(text.starts_with('*') ? text.substr(1) : text, false, "*?-_", 64);
}

std::string check_mode(std::string_view text) {
  const bool is_octal = text.find_first_not_of("01234567") == std::string_view::npos;
  return is_octal && (text.size() == 4 || text.size() == 5) && text[0] == '0' ? "" : "it must be like \"0644\"";
}

std::string check_measure(std::string_view text) {
  return check_word(text, true, ".-_", 128);
}

}  // namespace ainode
