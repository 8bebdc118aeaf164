// SPDX-License-Identifier: Apache-2.0
// One table a mapping: every key of the language, whether its stage exists yet, what it holds, and how it is read.
// Below the tables stands what must hold between values.
#include "builder/recipe/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ainode {

namespace {

constexpr Presence kOptional = Presence::optional;
constexpr Presence kRequired = Presence::required;
constexpr Presence kLater = Presence::not_built_yet;

using Path = const std::string&;

// --- repositories ----------------------------------------------------------------------------------------------------

/// No text of a repository may hold a URL: the mirror is the host's choice.
Text read_hostless(Reader& reader, const YamlNode& node, Path path, Rule rule) {
  if (node.kind != YamlNode::Kind::scalar || node.text.find("://") == std::string::npos)
    return read_text(reader, node, path, rule);
  reader.mistake(Error(codes::host_in_recipe, fmt::format("`{}` names a host", path))
                     .at(node.place)
                     .label("a repository names distribution, suite and components")
                     .help("give the mirror to the build: --mirror DISTRIBUTION=URI"));
  return {};
}

const Field<Repository> kRepositoryFields[] = {
    {"id", kRequired, "a name of its own",
     [](Reader& r, const YamlNode& v, Path p, Repository& into) { into.id = read_hostless(r, v, p, check_name); }},
    {"distribution", kRequired, "such as debian or debian-security",
     [](Reader& r, const YamlNode& v, Path p, Repository& into) {
       into.distribution = read_hostless(r, v, p, check_archive_word);
     }},
    {"suite", kRequired, "the release's codename, such as trixie",
     [](Reader& r, const YamlNode& v, Path p, Repository& into) {
       into.suite = read_hostless(r, v, p, check_archive_word);
     }},
    {"components", kRequired, "a list such as [main]",
     [](Reader& r, const YamlNode& v, Path p, Repository& into) {
       if (v.kind != YamlNode::Kind::sequence || v.items.empty()) r.wrong_type(v, p, "a list such as [main]");
       for (const YamlNode& item : v.items)
         into.components.push_back(read_hostless(r, item, p + "[]", check_archive_word));
     }},
    {"priority", kLater, "a number"},
    {"allow", kLater, "a list of package globs"},
    {"keyring", kLater, "a path"},
    {"max-age", kLater, "a time"},
    {"snapshot", kLater, "a time"},
    {"required", kLater, "true or false"},
};

void read_repositories(Reader& reader, const YamlNode& node, Path path, Recipe& into) {
  if (node.kind != YamlNode::Kind::sequence || node.items.empty())
    reader.wrong_type(node, path, "a list of repositories");
  for (const YamlNode& item : node.items) {
    Repository repository;
    read_mapping(reader, item, path + "[]", "a mapping with id, distribution, suite and components", kRepositoryFields,
                 repository);
    into.repositories.push_back(std::move(repository));
  }
}

// --- packages, kernel, systemd ---------------------------------------------------------------------------------------

void read_pins(Reader& reader, const YamlNode& node, Path path, PackageWishes& into) {
  constexpr std::string_view kHolds = "a mapping from package name to version glob";
  if (node.kind != YamlNode::Kind::mapping) reader.wrong_type(node, path, kHolds);
  for (const auto& [key, value] : node.entries) {
    const Text name = read_text(reader, key, path, check_package_name);
    into.pin[name.value] = read_text(reader, value, path + "." + key.text, check_version_glob);
  }
}

const Field<PackageWishes> kPackageFields[] = {
    {"recommends", kOptional, "true or false",
     [](Reader& r, const YamlNode& v, Path p, PackageWishes& into) { into.recommends = read_boolean(r, v, p); }},
    {"include", kOptional, "a list of package names",
     [](Reader& r, const YamlNode& v, Path p, PackageWishes& into) {
       into.include = read_texts(r, v, p, "a list of package names", check_package_name);
     }},
    {"exclude", kOptional, "a list of package names",
     [](Reader& r, const YamlNode& v, Path p, PackageWishes& into) {
       into.exclude = read_texts(r, v, p, "a list of package names", check_package_name);
     }},
    {"pin", kOptional, "a mapping from package name to version glob", read_pins},
};

const Field<KernelWishes> kKernelFields[] = {
    {"package", kRequired, "a package name, or one for each architecture",
     [](Reader& r, const YamlNode& v, Path p, KernelWishes& into) {
       into.package = read_per_architecture(r, v, p, check_package_name);
     }},
    {"cmdline", kOptional, "a list of kernel arguments",
     [](Reader& r, const YamlNode& v, Path p, KernelWishes& into) {
       into.cmdline = read_texts(r, v, p, "a list of kernel arguments", check_kernel_argument);
     }},
    {"source", kLater, "a mapping"},
    {"config", kLater, "a mapping"},
    {"sysctl", kLater, "a mapping"},
    {"modules", kLater, "a mapping"},
    {"modprobe", kLater, "a mapping"},
    {"extra-modules", kLater, "a list"},
};

const Field<Recipe> kSystemdFields[] = {
    {"default-target", kOptional, "a target unit",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       into.default_target = read_text(r, v, p, check_target_unit);
     }},
    {"enable", kLater, "a list of units"},
    {"mask", kLater, "a list of units"},
    {"units", kLater, "a list of units"},
};

// --- disk ------------------------------------------------------------------------------------------------------------

const Field<Partition> kPartitionFields[] = {
    {"id", kRequired, "a name of its own",
     [](Reader& r, const YamlNode& v, Path p, Partition& into) { into.id = read_text(r, v, p, check_name); }},
    {"type", kRequired, "esp or root",
     [](Reader& r, const YamlNode& v, Path p, Partition& into) {
       into.type = read_text(r, v, p, check_partition_type);
     }},
    {"fs", kRequired, "vfat or ext4",
     [](Reader& r, const YamlNode& v, Path p, Partition& into) {
       into.filesystem = read_text(r, v, p, check_filesystem);
     }},
    {"size", kRequired, "a size such as 256M",
     [](Reader& r, const YamlNode& v, Path p, Partition& into) { into.size = read_size(r, v, p); }},
    {"mount", kOptional, "an absolute path",
     [](Reader& r, const YamlNode& v, Path p, Partition& into) { into.mount = read_text(r, v, p, check_mount_point); }},
};

const Field<Recipe> kDiskFields[] = {
    {"partitions", kRequired, "a list of partitions",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       if (v.kind != YamlNode::Kind::sequence) r.wrong_type(v, p, "a list of partitions");
       for (const YamlNode& item : v.items) {
         Partition partition;
         read_mapping(r, item, p + "[]", "a mapping with id, type, fs, size and mount", kPartitionFields, partition);
         into.partitions.push_back(std::move(partition));
       }
     }},
    {"label", kLater, "gpt"},
};

// --- signing, outputs, validation ------------------------------------------------------------------------------------

const Field<SigningWishes> kCommitSigningFields[] = {
    {"openpgp", kOptional, "a key's name",
     [](Reader& r, const YamlNode& v, Path p, SigningWishes& into) {
       into.openpgp = read_text(r, v, p, check_key_name);
     }},
    {"ed25519", kOptional, "a key's name",
     [](Reader& r, const YamlNode& v, Path p, SigningWishes& into) {
       into.ed25519 = read_text(r, v, p, check_key_name);
     }},
};

const Field<SigningWishes> kAttestationFields[] = {
    {"ecdsa-p256", kRequired, "a key's name",
     [](Reader& r, const YamlNode& v, Path p, SigningWishes& into) {
       into.attestations = read_text(r, v, p, check_key_name);
     }},
};

const Field<SigningWishes> kSigningFields[] = {
    {"ostree", kOptional, "a mapping with openpgp and ed25519",
     [](Reader& r, const YamlNode& v, Path p, SigningWishes& into) {
       read_mapping(r, v, p, "a mapping with openpgp and ed25519", kCommitSigningFields, into);
     }},
    {"attestations", kOptional, "a mapping with ecdsa-p256",
     [](Reader& r, const YamlNode& v, Path p, SigningWishes& into) {
       read_mapping(r, v, p, "a mapping with ecdsa-p256", kAttestationFields, into);
     }},
};

const Field<Recipe> kOstreeOutputFields[] = {
    {"ref", kRequired, "the commit's ref",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       into.ostree_ref = read_text(r, v, p, check_ref_template);
     }},
};

const Field<Recipe> kOutputFields[] = {
    {"ostree", kOptional, "a mapping with ref",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping with ref", kOstreeOutputFields, into);
     }},
    {"disk", kOptional, "a list of disk formats",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       into.disk_formats = read_texts(r, v, p, "a list of disk formats", check_disk_format);
     }},
    {"oci", kLater, "a mapping"},
    {"uki", kLater, "a mapping"},
    {"deltas", kLater, "a mapping"},
    {"sbom", kLater, "a list"},
    {"provenance", kLater, "a mapping"},
};

const Field<Recipe> kValidationFields[] = {
    {"profile", kOptional, "a list of profiles",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       into.profiles = read_texts(r, v, p, "a list of profiles", check_name);
     }},
    {"limits", kLater, "a mapping"},
};

// --- the recipe ------------------------------------------------------------------------------------------------------

void read_format_version(Reader& reader, const YamlNode& node, Path path, Recipe&) {
  const bool is_number = node.kind == YamlNode::Kind::scalar && !node.is_quoted && !node.text.empty() &&
                         node.text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return reader.wrong_type(node, path, "the format's version, 1");
  if (node.text != "1")
    reader.bad_value(node.place, fmt::format("format version {} is not known", node.text), "this program reads 1");
}

const Field<Recipe> kRecipeFields[] = {
    {"ainode", kRequired, "the format's version, 1", read_format_version},
    {"name", kRequired, "the image's name",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) { into.name = read_text(r, v, p, check_name); }},
    {"summary", kOptional, "one line of text",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) { into.summary = read_text(r, v, p, check_summary); }},
    {"arch", kRequired, "a list of amd64, arm64",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       into.architectures = read_texts(r, v, p, "a list of amd64, arm64", check_architecture);
     }},
    {"extends", kLater, "a list of recipes"},
    {"repositories", kRequired, "a list of repositories", read_repositories},
    {"packages", kOptional, "a mapping",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping", kPackageFields, into.packages);
     }},
    {"kernel", kRequired, "a mapping with package and cmdline",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping", kKernelFields, into.kernel);
     }},
    {"initrd", kLater, "minimal or dracut"},
    {"drivers", kLater, "a list of drivers"},
    {"tuning", kLater, "a mapping"},
    {"containers", kLater, "a mapping"},
    {"systemd", kOptional, "a mapping with default-target",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping", kSystemdFields, into);
     }},
    {"users", kLater, "a list of users"},
    {"groups", kLater, "a list of groups"},
    {"files", kLater, "a list of files"},
    {"security", kLater, "a mapping"},
    {"disk", kOptional, "a mapping with partitions",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) { read_mapping(r, v, p, "a mapping", kDiskFields, into); }},
    {"signing", kOptional, "a mapping",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping", kSigningFields, into.signing);
     }},
    {"outputs", kOptional, "a mapping",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping", kOutputFields, into);
     }},
    {"update", kLater, "a mapping"},
    {"validation", kOptional, "a mapping with profile",
     [](Reader& r, const YamlNode& v, Path p, Recipe& into) {
       read_mapping(r, v, p, "a mapping", kValidationFields, into);
     }},
    {"variants", kLater, "a mapping"},
    {"matrix", kLater, "a mapping"},
};

// --- between values --------------------------------------------------------------------------------------------------

void check_distinct(Reader& reader, std::string_view what, const std::vector<Text>& texts) {
  std::set<std::string> seen;
  for (const Text& text : texts)
    if (!text.value.empty() && !seen.insert(text.value).second)
      reader.bad_value(text.place, fmt::format("{} `{}` stands twice", what, text.value));
}

template <class Item>
std::vector<Text> texts_of(const std::vector<Item>& items, Text Item::*member) {
  std::vector<Text> texts;
  texts.reserve(items.size());
  for (const Item& item : items) texts.push_back(item.*member);
  return texts;
}

void check_architectures(Reader& reader, const YamlNode& document, const Recipe& recipe) {
  const auto& allowed = recipe.architectures;
  const bool is_allowed =
      std::any_of(allowed.begin(), allowed.end(), [&](const Text& text) { return text.value == recipe.architecture; });
  const YamlNode* node = document.find("arch");
  if (!is_allowed && node && node->kind == YamlNode::Kind::sequence)
    reader.bad_value(node->place, fmt::format("`{}` is not for {}", recipe.name.value, recipe.architecture), "",
                     "choose another architecture with --arch");
}

void check_partitions(Reader& reader, const YamlNode& document, const Recipe& recipe) {
  check_distinct(reader, "partition", texts_of(recipe.partitions, &Partition::id));
  check_distinct(reader, "partition type", texts_of(recipe.partitions, &Partition::type));
  check_distinct(reader, "mount point", texts_of(recipe.partitions, &Partition::mount));
  for (const Partition& partition : recipe.partitions) {
    const std::string wanted = partition.type.value == "esp" ? "vfat" : "ext4";
    if (!partition.type.value.empty() && !partition.filesystem.value.empty() && partition.filesystem.value != wanted)
      reader.bad_value(partition.filesystem.place,
                       fmt::format("partition `{}` cannot be {}", partition.id.value, partition.filesystem.value),
                       fmt::format("{} is {}", partition.type.value, wanted));
  }
  const bool has_unread_type = std::any_of(recipe.partitions.begin(), recipe.partitions.end(),
                                           [](const Partition& partition) { return partition.type.value.empty(); });
  if (recipe.disk_formats.empty() || has_unread_type) return;
  for (const char* type : {"esp", "root"}) {
    const bool is_there = std::any_of(recipe.partitions.begin(), recipe.partitions.end(),
                                      [&](const Partition& partition) { return partition.type.value == type; });
    const YamlNode* disk = document.find("disk");
    if (!is_there)
      reader.mistake(Error(codes::missing_key, fmt::format("a disk needs a partition of type {}", type))
                         .at(disk ? disk->place : recipe.disk_formats[0].place)
                         .help("add it to `disk.partitions`"));
  }
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

void fill_ref(Reader& reader, Recipe& recipe) {
  Text& ref = recipe.ostree_ref;
  const bool is_unreadable = ref.value.empty() && ref.place.line > 0;
  if (is_unreadable || recipe.name.value.empty()) return;
  if (ref.value.empty()) ref.value = "ainode/{arch}/{name}";
  const std::string written = ref.value;
  ref.value = replaced(replaced(ref.value, "{arch}", recipe.architecture), "{name}", recipe.name.value);
  const auto refuse = [&](std::string problem) {
    reader.bad_value(ref.place, fmt::format("`outputs.ostree.ref` cannot be `{}`", written), std::move(problem));
  };
  if (ref.value.find("{version}") != std::string::npos) return refuse("{version} is not built yet");
  if (ref.value.find_first_of("{}") != std::string::npos) return refuse("only {arch} and {name} are filled in");
  for (const char* bad : {"//", "..", "/.", "/-"})
    if (ref.value.find(bad) != std::string::npos) return refuse(fmt::format("`{}` is not allowed here", bad));
  if (ref.value.ends_with('/')) refuse("it ends in `/`");
}

}  // namespace

void read_recipe_fields(Reader& reader, const YamlNode& document, Recipe& recipe) {
  read_mapping(reader, document, "", "a mapping of keys to values", kRecipeFields, recipe);
  if (document.kind != YamlNode::Kind::mapping) return;
  check_architectures(reader, document, recipe);
  check_distinct(reader, "repository", texts_of(recipe.repositories, &Repository::id));
  check_partitions(reader, document, recipe);
  fill_ref(reader, recipe);
}

}  // namespace ainode
