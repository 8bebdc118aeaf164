// SPDX-License-Identifier: Apache-2.0
// One table a mapping; a row is a key: whether its stage exists yet, what it holds, and how it is read. This page is
// the language.
#include "builder/recipe/language.h"

#include <algorithm>

#include "builder/recipe/rules.h"
#include "builder/recipe/value_reader.h"

namespace ainode {

namespace {

using Kind = Shape::Kind;
using Reader = const ValueReader&;
using Node = const YamlNode&;

constexpr Presence kOptional = Presence::optional;
constexpr Presence kRequired = Presence::required;
constexpr Presence kLater = Presence::not_built_yet;

// --- values ----------------------------------------------------------------------------------------------------------

constexpr Shape text(Rule rule, std::string_view pattern = {}) {
  return {Kind::text, "text", rule, pattern};
}

constexpr Shape list(std::string_view holds, const Shape& item, std::size_t at_least = 0) {
  return {.kind = Kind::list, .holds = holds, .item = &item, .at_least = at_least};
}

/// Names all there may be, so that an empty one says something too.
constexpr Shape whole_list(std::string_view holds, const Shape& item) {
  return {.kind = Kind::list, .holds = holds, .item = &item, .is_whole = true};
}

constexpr Shape table(std::string_view holds, std::span<const Key> keys) {
  return {.kind = Kind::table, .holds = holds, .keys = keys};
}

constexpr Shape map(std::string_view holds, Rule key_rule, const Shape& item) {
  return {.kind = Kind::map, .holds = holds, .rule = key_rule, .item = &item};
}

constexpr std::string_view kNamePattern = "^[a-z0-9][a-z0-9._-]*$";
constexpr std::string_view kPackagePattern = "^[a-z0-9][a-z0-9+.-]+$";

constexpr Shape kBoolean{Kind::boolean, "true or false"};
constexpr Shape kInteger{Kind::integer, "a whole number"};
constexpr Shape kScalar{Kind::scalar, "text, a number or a boolean", check_line};
constexpr Shape kParameterValue{Kind::scalar, "text, a number or a boolean", check_parameter_value};
constexpr Shape kResourceLimit{Kind::scalar, "a number or unlimited", check_resource_limit};
constexpr Shape kSize{Kind::size, "a size such as 256M"};
constexpr Shape kDuration{Kind::duration, "a time such as 36h, 10d or 2w"};
constexpr Shape kMoment{Kind::moment, "a day or a second in UTC, such as 2026-03-01 or 2026-03-01T12:00:00Z"};
constexpr Shape kMapping{Kind::mapping, "a mapping"};

constexpr Shape kSummary = text(check_summary);
constexpr Shape kName = text(check_name, kNamePattern);
constexpr Shape kArchitecture = text(check_architecture, "^(amd64|arm64)$");
constexpr Shape kArchiveWord = text(check_archive_word, "^[a-z0-9][a-z0-9.-]*$");
constexpr Shape kPackageName = text(check_package_name, kPackagePattern);
constexpr Shape kPackageGlob = text(check_package_glob, "^[a-z0-9*?][a-z0-9+.*?-]*$");
constexpr Shape kVersionGlob = text(check_version_glob);
constexpr Shape kKernelArgument = text(check_kernel_argument, "^[^\\s\"'`\\\\]+$");
constexpr Shape kTargetUnit = text(check_target_unit, "\\.target$");
constexpr Shape kUnit = text(check_unit);
constexpr Shape kFile = text(check_file_path);
constexpr Shape kAbsolutePath = text(check_mount_point, "^/");
constexpr Shape kPartitionType = text(check_partition_type, "^(esp|root)$");
constexpr Shape kFilesystem = text(check_filesystem, "^(vfat|ext4)$");
constexpr Shape kKeyName = text(check_key_name, "^[A-Za-z0-9][A-Za-z0-9_-]*$");
constexpr Shape kRefTemplate = text(check_ref_template);
constexpr Shape kDiskFormat = text(check_disk_format, "^qcow2$");
constexpr Shape kLine = text(check_line);
constexpr Shape kContent = text(check_any_text);

constexpr Shape kPackageNames = list("a list of package names", kPackageName);
constexpr Shape kUnits = list("a list of units", kUnit);
constexpr Shape kFiles = list("a list of files", kFile);
constexpr Shape kNames = list("a list of names", kName);

// --- repositories ----------------------------------------------------------------------------------------------------

constexpr Shape kComponents = list("a list such as [main]", kArchiveWord, 1);
constexpr Shape kAllow = list("a list of package globs", kPackageGlob, 1);

constexpr Key kRepositoryKeys[] = {
    {"id", kRequired, "a name of its own", &kName},
    {"distribution", kRequired, "such as debian or debian-security", &kArchiveWord},
    {"suite", kRequired, "the release's codename, such as trixie", &kArchiveWord},
    {"components", kRequired, "a list such as [main]", &kComponents},
    {"priority", kOptional, "a whole number, as in apt's preferences", &kInteger},
    {"allow", kOptional, "globs of the package names that may come from here", &kAllow},
    {"keyring", kOptional, "a file of OpenPGP keys, from the current directory", &kFile},
    {"max-age", kOptional, "how old its signed metadata may be, such as 10d", &kDuration},
    {"snapshot", kOptional, "the archive as it was at this time", &kMoment},
    {"required", kOptional, "false: build without it where it cannot be reached", &kBoolean},
};
constexpr Shape kRepository = table("a mapping with id, distribution, suite and components", kRepositoryKeys);
constexpr Shape kRepositories = list("a list of repositories", kRepository, 1);

Repository read_repository(Reader reader, Node node) {
  Repository repository;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "id") repository.id = reader.text(value);
    if (key.text == "distribution") repository.distribution = reader.text(value);
    if (key.text == "suite") repository.suite = reader.text(value);
    if (key.text == "components") repository.components = reader.texts(value);
    if (key.text == "priority") repository.priority = reader.integer(value);
    if (key.text == "allow") repository.allow = reader.texts(value);
    if (key.text == "keyring") repository.keyring = reader.text(value);
    if (key.text == "max-age") repository.max_age = reader.duration(value);
    if (key.text == "snapshot") repository.snapshot = reader.moment(value);
    if (key.text == "required") repository.required = reader.boolean(value);
  }
  return repository;
}

// --- packages, kernel, drivers ---------------------------------------------------------------------------------------

constexpr Shape kPins = map("a mapping from package name to version glob", check_package_name, kVersionGlob);

void read_pins(Reader reader, Node node, Recipe& into) {
  into.packages.pin = reader.texts_by_key(node);
}

constexpr Key kPackageKeys[] = {
    {"recommends", kOptional, "true or false", &kBoolean,
     [](Reader r, Node v, Recipe& into) { into.packages.recommends = r.boolean(v); }},
    {"include", kOptional, "a list of package names", &kPackageNames,
     [](Reader r, Node v, Recipe& into) { into.packages.include = r.texts(v); }},
    {"exclude", kOptional, "a list of package names", &kPackageNames,
     [](Reader r, Node v, Recipe& into) { into.packages.exclude = r.texts(v); }},
    {"pin", kOptional, "a mapping from package name to version glob", &kPins, read_pins},
};
constexpr Shape kPackages = table("a mapping", kPackageKeys);

constexpr Shape kKernelPackage{Kind::per_architecture, "text, or a mapping from architecture to text",
                               check_package_name, kPackagePattern};
constexpr Shape kKernelArguments = list("a list of kernel arguments", kKernelArgument);
constexpr Key kKernelSourceKeys[] = {
    {"package", kRequired, "a source package's binary, such as linux-source-6.12", &kPackageName},
    {"config-base", kRequired, "a package of configurations, such as linux-config-6.12", &kPackageName},
};
constexpr Shape kKernelSource = table("a mapping with package and config-base", kKernelSourceKeys);
constexpr Shape kKernelConfig = map("a mapping from option to value", check_kernel_option, kScalar);
constexpr Shape kSysctl = map("a mapping from sysctl to value", check_sysctl, kScalar);
constexpr Shape kModuleName = text(check_module_name, "^[A-Za-z0-9_-]+$");
constexpr Shape kModuleNames = list("a list of module names", kModuleName);
constexpr Key kModuleKeys[] = {
    {"load", kOptional, "modules to load at boot", &kModuleNames,
     [](Reader r, Node v, Recipe& into) { into.kernel.load_modules = r.texts(v); }},
    {"deny", kOptional, "modules that must never load", &kModuleNames,
     [](Reader r, Node v, Recipe& into) { into.kernel.deny_modules = r.texts(v); }},
};
constexpr Shape kModules = table("a mapping with load and deny", kModuleKeys);
constexpr Shape kModuleParameters = map("a mapping from parameter to value", check_module_name, kParameterValue);
constexpr Shape kModprobe = map("a mapping from module to its parameters", check_module_name, kModuleParameters);

void read_module_parameters(Reader reader, Node node, Recipe& into) {
  for (const auto& [module, parameters] : node.entries)
    into.kernel.module_parameters[module.text] = reader.texts_by_key(parameters);
}

constexpr Shape kSourceFiles = list("a list of files", kFile, 1);
constexpr Key kExtraModuleKeys[] = {
    {"name", kRequired, "the module's name", &kModuleName},
    {"package", kOptional, "the package that holds its source; without it the source lies beside the recipe",
     &kPackageName},
    {"sources", kRequired, "files, or with `package` its files, folders and what its archives hold", &kSourceFiles},
};
constexpr Shape kExtraModule = table("a mapping with name and sources", kExtraModuleKeys);
constexpr Shape kExtraModules = list("a list of modules", kExtraModule);

ExtraModule read_extra_module(Reader reader, Node node) {
  ExtraModule module;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "name") module.name = reader.text(value);
    if (key.text == "package") module.package = reader.text(value);
    if (key.text == "sources")
      for (const Text& file : reader.texts(value)) module.sources.push_back({{}, file, {}, {}, {}});
  }
  return module;
}

constexpr Key kKernelKeys[] = {
    {"package", kRequired, "a package name, or one for each architecture", &kKernelPackage,
     [](Reader r, Node v, Recipe& into) { into.kernel.package = r.text(v); }},
    {"cmdline", kOptional, "a list of kernel arguments", &kKernelArguments,
     [](Reader r, Node v, Recipe& into) { into.kernel.cmdline = r.texts(v); }},
    {"source", kLater, "what to compile, in place of `package`", &kKernelSource},
    {"config", kLater, "options of a compiled kernel, such as HZ_1000: y", &kKernelConfig},
    {"sysctl", kOptional, "a mapping from sysctl to value", &kSysctl,
     [](Reader r, Node v, Recipe& into) { into.kernel.sysctl = r.texts_by_key(v); }},
    {"modules", kOptional, "modules to load at boot, and modules that must never load", &kModules},
    {"modprobe", kOptional, "a mapping from module to its parameters", &kModprobe, read_module_parameters},
    {"extra-modules", kOptional, "modules to compile for this kernel", &kExtraModules,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.kernel.extra_modules.push_back(read_extra_module(r, item));
     }},
};
constexpr Shape kKernel = table("a mapping", kKernelKeys);

constexpr Shape kInitrd = text(check_initrd, "^(minimal|dracut)$");

constexpr Key kDriverKeys[] = {
    {"kind", kRequired, "such as nvidia", &kName},
    {"module", kOptional, "the package that holds the kernel module", &kPackageName},
    {"userspace", kOptional, "a list of package names", &kPackageNames},
    {"firmware", kOptional, "a list of package names", &kPackageNames},
    {"patches", kOptional, "a list of files", &kFiles},
    {"sign", kOptional, "a key's name", &kKeyName},
};
constexpr Shape kDriver = table("a mapping with kind and module", kDriverKeys);
constexpr Shape kDrivers = list("a list of drivers", kDriver);

// --- tuning, containers, systemd, users, files, security -------------------------------------------------------------

constexpr Shape kSpread = text(check_spread, "^even$");
constexpr Key kHugePageKeys[] = {
    {"count", kRequired, "how many", &kInteger},
    {"per-node", kOptional, "even: as many on each NUMA node", &kSpread},
};
constexpr Shape kHugePagesOfASize = table("a mapping with count", kHugePageKeys);
constexpr Shape kHugePages = map("a mapping from page size to count", check_page_size, kHugePagesOfASize);

void read_huge_pages(Reader reader, Node node, Recipe& into) {
  for (const auto& [size, pages] : node.entries) {
    HugePages& of_size = into.tuning.hugepages[size.text];
    if (const YamlNode* count = pages.find("count")) of_size.count = reader.integer(*count);
    if (const YamlNode* spread = pages.find("per-node")) of_size.per_node = reader.text(*spread);
  }
}

constexpr Shape kThp = text(check_thp, "^(always|madvise|never)$");
constexpr Key kNumaKeys[] = {
    {"balancing", kOptional, "true or false", &kBoolean,
     [](Reader r, Node v, Recipe& into) { into.tuning.numa_balancing = r.boolean(v); }},
    {"zone-reclaim", kOptional, "true or false", &kBoolean,
     [](Reader r, Node v, Recipe& into) { into.tuning.zone_reclaim = r.boolean(v); }},
};
constexpr Shape kNuma = table("a mapping with balancing and zone-reclaim", kNumaKeys);
constexpr Shape kProcessorList = text(check_processor_list, "^[0-9]+([,-][0-9]+)*$");
constexpr Key kCpuKeys[] = {
    {"governor", kOptional, "such as performance", &kName,
     [](Reader r, Node v, Recipe& into) { into.tuning.governor = r.text(v); }},
    {"isolate", kOptional, "processors, such as \"2-15\"", &kProcessorList,
     [](Reader r, Node v, Recipe& into) { into.tuning.isolate = r.text(v); }},
    {"nohz-full", kOptional, "processors, such as \"2-15\"", &kProcessorList,
     [](Reader r, Node v, Recipe& into) { into.tuning.nohz_full = r.text(v); }},
};
constexpr Shape kCpu = table("a mapping with governor, isolate and nohz-full", kCpuKeys);
constexpr Key kBlockKeys[] = {
    {"scheduler", kOptional, "such as none or mq-deadline", &kName},
    {"read-ahead", kOptional, "KiB that are read ahead", &kInteger},
};
constexpr Shape kBlockSettings = table("a mapping with scheduler and read-ahead", kBlockKeys);
constexpr Shape kBlock = map("a mapping from device glob to its settings", check_device_glob, kBlockSettings);

void read_block(Reader reader, Node node, Recipe& into) {
  for (const auto& [glob, settings] : node.entries) {
    BlockWishes& devices = into.tuning.block[glob.text];
    devices.place = glob.place;
    if (const YamlNode* scheduler = settings.find("scheduler")) devices.scheduler = reader.text(*scheduler);
    if (const YamlNode* read_ahead = settings.find("read-ahead")) devices.read_ahead = reader.integer(*read_ahead);
  }
}

constexpr Key kNetKeys[] = {
    {"mtu", kOptional, "bytes of the largest packet", &kInteger},
    {"queue-length", kOptional, "packets that may wait to be sent", &kInteger},
};
constexpr Shape kNetSettings = table("a mapping with mtu and queue-length", kNetKeys);
constexpr Shape kNet = map("a mapping from driver glob to its interfaces' settings", check_device_glob, kNetSettings);

void read_net(Reader reader, Node node, Recipe& into) {
  for (const auto& [glob, settings] : node.entries) {
    NetWishes& interfaces = into.tuning.net[glob.text];
    interfaces.place = glob.place;
    if (const YamlNode* mtu = settings.find("mtu")) interfaces.mtu = reader.integer(*mtu);
    if (const YamlNode* length = settings.find("queue-length")) interfaces.queue_length = reader.integer(*length);
  }
}

constexpr Shape kTuningProfile = text(check_tuning_profile, "^(latency|throughput)$");

constexpr Key kIrqKeys[] = {
    {"affinity", kOptional, "the processors that take interrupts, such as \"0-1\"", &kProcessorList,
     [](Reader r, Node v, Recipe& into) { into.tuning.irq_affinity = r.text(v); }},
};
constexpr Shape kIrq = table("a mapping with affinity", kIrqKeys);
constexpr Shape kResourceLimits =
    map("a mapping from nofile, memlock or nproc to its limit", check_resource, kResourceLimit);

constexpr Key kTuningKeys[] = {
    {"hugepages", kOptional, "a mapping from page size to count", &kHugePages, read_huge_pages},
    {"thp", kOptional, "transparent huge pages: always, madvise or never", &kThp,
     [](Reader r, Node v, Recipe& into) { into.tuning.thp = r.text(v); }},
    {"numa", kOptional, "a mapping with balancing and zone-reclaim", &kNuma},
    {"cpu", kOptional, "a mapping with governor, isolate and nohz-full", &kCpu},
    {"irq", kOptional, "a mapping with affinity", &kIrq},
    {"block", kOptional, "a mapping from device glob to its settings", &kBlock, read_block},
    {"net", kOptional, "a mapping from driver glob to its interfaces' settings", &kNet, read_net},
    {"limits", kOptional, "what every service may use: nofile, memlock, nproc", &kResourceLimits,
     [](Reader r, Node v, Recipe& into) { into.tuning.limits = r.texts_by_key(v); }},
    {"profile", kOptional, "latency or throughput: statements that go together", &kTuningProfile,
     [](Reader r, Node v, Recipe& into) { into.tuning.profile = r.text(v); }},
};
constexpr Shape kTuning = table("a mapping", kTuningKeys);

constexpr Shape kContainerDeviceName = text(check_cdi_name, "^[^/=]+/[^/=]+=[^/=]+$");
constexpr Shape kDeviceNode = text(check_device_node, "^/dev/");
constexpr Shape kDeviceNodes = list("a list of device nodes", kDeviceNode, 1);
constexpr Key kContainerDeviceKeys[] = {
    {"name", kRequired, "as a container asks for it, such as vendor.com/class=0", &kContainerDeviceName},
    {"nodes", kRequired, "paths, such as /dev/x, or /dev/x:/dev/y to show it elsewhere", &kDeviceNodes},
};
constexpr Shape kContainerDevice = table("a mapping with name and nodes", kContainerDeviceKeys);
constexpr Shape kContainerDevices = list("a list of devices", kContainerDevice);

ContainerDevice read_container_device(Reader reader, Node node) {
  ContainerDevice device;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "name") device.name = reader.text(value);
    if (key.text == "nodes") device.nodes = reader.texts(value);
  }
  return device;
}

constexpr Key kCdiKeys[] = {
    {"devices", kOptional, "what containers are given by name", &kContainerDevices,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.container_devices.push_back(read_container_device(r, item));
     }},
    {"vendor", kLater, "such as nvidia", &kName},
    {"refresh", kLater, "such as at-boot", &kName},
};
constexpr Shape kCdi = table("a mapping with devices", kCdiKeys);
constexpr Shape kRuntime = text(check_runtime, "^podman$");
constexpr Key kContainerKeys[] = {
    {"runtime", kOptional, "podman", &kRuntime,
     [](Reader r, Node v, Recipe& into) { into.container_runtime = r.text(v); }},
    {"cdi", kOptional, "devices that containers are given by name", &kCdi},
};
constexpr Shape kContainers = table("a mapping with runtime", kContainerKeys);

constexpr Key kSystemdKeys[] = {
    {"default-target", kOptional, "a target unit", &kTargetUnit,
     [](Reader r, Node v, Recipe& into) { into.systemd.default_target = r.text(v); }},
    {"enable", kOptional, "units to start as their [Install] section says", &kUnits,
     [](Reader r, Node v, Recipe& into) { into.systemd.enable = r.texts(v); }},
    {"mask", kOptional, "units that must never start", &kUnits,
     [](Reader r, Node v, Recipe& into) { into.systemd.mask = r.texts(v); }},
    {"units", kOptional, "unit files, beside the recipe", &kFiles,
     [](Reader r, Node v, Recipe& into) {
       for (const Text& file : r.texts(v)) into.systemd.units.push_back({{}, file, {}, {}, {}});
     }},
};
constexpr Shape kSystemd = table("a mapping", kSystemdKeys);

constexpr Shape kAccountName = text(check_account_name, "^[a-z_][a-z0-9_-]*$");
constexpr Shape kAccountNames = list("a list of names", kAccountName);
constexpr Key kUserKeys[] = {
    {"name", kRequired, "a name of its own", &kAccountName}, {"uid", kRequired, "its number", &kInteger},
    {"group", kOptional, "its first group", &kAccountName},  {"groups", kOptional, "a list of names", &kAccountNames},
    {"home", kOptional, "an absolute path", &kAbsolutePath}, {"shell", kOptional, "an absolute path", &kAbsolutePath},
};
constexpr Shape kUser = table("a mapping with name and uid", kUserKeys);
constexpr Shape kUsers = list("a list of users", kUser);

User read_user(Reader reader, Node node) {
  User user;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "name") user.name = reader.text(value);
    if (key.text == "uid") user.uid = reader.integer(value);
    if (key.text == "group") user.group = reader.text(value);
    if (key.text == "groups") user.groups = reader.texts(value);
    if (key.text == "home") user.home = reader.text(value);
    if (key.text == "shell") user.shell = reader.text(value);
  }
  return user;
}

constexpr Key kGroupKeys[] = {
    {"name", kRequired, "a name of its own", &kAccountName},
    {"gid", kRequired, "its number", &kInteger},
};

Group read_group(Reader reader, Node node) {
  Group group;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "name") group.name = reader.text(value);
    if (key.text == "gid") group.gid = reader.integer(value);
  }
  return group;
}

constexpr Shape kGroup = table("a mapping with name and gid", kGroupKeys);
constexpr Shape kGroups = list("a list of groups", kGroup);
constexpr Shape kMode = text(check_mode, "^0[0-7]{3,4}$");
constexpr Key kFileKeys[] = {
    {"path", kRequired, "an absolute path", &kAbsolutePath},
    {"source", kOptional, "a file below the recipe's root", &kFile},
    {"text", kOptional, "the content, in place of `source`", &kContent},
    {"mode", kOptional, "such as \"0644\"", &kMode},
    {"owner", kOptional, "a user's name", &kName},
};
constexpr Shape kPlacedFile = table("a mapping with path and source or text", kFileKeys);
constexpr Shape kPlacedFiles = list("a list of files", kPlacedFile);

PlacedFile read_placed_file(Reader reader, Node node) {
  PlacedFile file;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "path") file.path = reader.text(value);
    if (key.text == "source") file.source = reader.text(value);
    if (key.text == "text") file.content = reader.text(value).value;
    if (key.text == "mode") file.mode = reader.text(value);
    if (key.text == "owner") file.owner = reader.text(value);
  }
  return file;
}

constexpr Shape kLockdown = text(check_lockdown, "^(none|integrity|confidentiality)$");
constexpr Shape kPaths = whole_list("a list of absolute paths", kAbsolutePath);
constexpr Shape kPort = text(check_port, "^[1-9][0-9]{0,4}/(tcp|udp)$");
constexpr Shape kPorts = whole_list("a list of ports", kPort);
constexpr Key kSecurityKeys[] = {
    {"lsm", kOptional, "the security modules, in their order", &kNames,
     [](Reader r, Node v, Recipe& into) { into.security.lsm = r.texts(v); }},
    {"lockdown", kOptional, "none, integrity or confidentiality", &kLockdown,
     [](Reader r, Node v, Recipe& into) { into.security.lockdown = r.text(v); }},
    {"audit", kOptional, "whether the kernel audits: true or false", &kBoolean,
     [](Reader r, Node v, Recipe& into) { into.security.audit = r.boolean(v); }},
    {"setuid", kOptional, "all files that may be setuid, setgid or have capabilities", &kPaths,
     [](Reader r, Node v, Recipe& into) {
       into.security.setuid = r.texts(v);
       into.security.setuid_place = v.place;
     }},
    {"ports", kOptional, "all ports that may be open to other machines, such as 22/tcp", &kPorts,
     [](Reader r, Node v, Recipe& into) {
       into.security.ports = r.texts(v);
       into.security.ports_place = v.place;
     }},
};
constexpr Shape kSecurity = table("a mapping", kSecurityKeys);

// --- disk ------------------------------------------------------------------------------------------------------------

constexpr Key kPartitionKeys[] = {
    {"id", kRequired, "a name of its own", &kName},           {"type", kRequired, "esp or root", &kPartitionType},
    {"fs", kRequired, "vfat or ext4", &kFilesystem},          {"size", kRequired, "a size such as 256M", &kSize},
    {"mount", kOptional, "an absolute path", &kAbsolutePath},
};
constexpr Shape kPartition = table("a mapping with id, type, fs, size and mount", kPartitionKeys);
constexpr Shape kPartitions = list("a list of partitions", kPartition);

Partition read_partition(Reader reader, Node node) {
  Partition partition;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "id") partition.id = reader.text(value);
    if (key.text == "type") partition.type = reader.text(value);
    if (key.text == "fs") partition.filesystem = reader.text(value);
    if (key.text == "size") partition.size = reader.size(value);
    if (key.text == "mount") partition.mount = reader.text(value);
  }
  return partition;
}

constexpr Key kDiskKeys[] = {
    {"partitions", kRequired, "a list of partitions", &kPartitions,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.partitions.push_back(read_partition(r, item));
     }},
    {"label", kLater, "gpt", &kName},
};
constexpr Shape kDisk = table("a mapping", kDiskKeys);

// --- signing, outputs, update, validation ----------------------------------------------------------------------------

constexpr Key kCommitSigningKeys[] = {
    {"openpgp", kOptional, "a key's name", &kKeyName,
     [](Reader r, Node v, Recipe& into) { into.signing.openpgp = r.text(v); }},
    {"ed25519", kOptional, "a key's name", &kKeyName,
     [](Reader r, Node v, Recipe& into) { into.signing.ed25519 = r.text(v); }},
};
constexpr Shape kCommitSigning = table("a mapping with openpgp and ed25519", kCommitSigningKeys);
constexpr Key kAttestationKeys[] = {
    {"ecdsa-p256", kRequired, "a key's name", &kKeyName,
     [](Reader r, Node v, Recipe& into) { into.signing.attestations = r.text(v); }},
};
constexpr Shape kAttestations = table("a mapping with ecdsa-p256", kAttestationKeys);
constexpr Key kSigningKeys[] = {
    {"ostree", kOptional, "a mapping with openpgp and ed25519", &kCommitSigning},
    {"attestations", kOptional, "a mapping with ecdsa-p256", &kAttestations},
};
constexpr Shape kSigning = table("a mapping", kSigningKeys);

constexpr Key kOstreeOutputKeys[] = {
    {"ref", kRequired, "the commit's ref", &kRefTemplate,
     [](Reader r, Node v, Recipe& into) { into.ostree_ref = r.text(v); }},
};
constexpr Shape kOstreeOutput = table("a mapping with ref", kOstreeOutputKeys);
constexpr Shape kDiskFormats = list("a list of disk formats", kDiskFormat);
constexpr Key kOutputKeys[] = {
    {"ostree", kOptional, "a mapping with ref", &kOstreeOutput},
    {"disk", kOptional, "a list of disk formats", &kDiskFormats,
     [](Reader r, Node v, Recipe& into) { into.disk_formats = r.texts(v); }},
    {"oci", kLater, "a mapping", &kMapping},
    {"uki", kLater, "a mapping", &kMapping},
    {"deltas", kLater, "a mapping", &kMapping},
    {"sbom", kLater, "a list of names", &kNames},
    {"provenance", kLater, "a mapping", &kMapping},
};
constexpr Shape kOutputs = table("a mapping", kOutputKeys);

constexpr Key kLimitKeys[] = {{"regress", kRequired, "how much worse it may become, such as 3%", &kLine}};
constexpr Shape kLimit = table("a mapping with regress", kLimitKeys);
constexpr Shape kLimits = map("a mapping from measure to limit", check_measure, kLimit);
constexpr Shape kProfiles = list("a list of profiles", kName);
constexpr Key kValidationKeys[] = {
    {"profile", kOptional, "a list of profiles", &kProfiles,
     [](Reader r, Node v, Recipe& into) { into.profiles = r.texts(v); }},
    {"limits", kLater, "a mapping from measure to limit", &kLimits},
};
constexpr Shape kValidation = table("a mapping", kValidationKeys);

// --- the recipe ------------------------------------------------------------------------------------------------------

constexpr Shape kFormatVersion{Kind::integer, "the format's version, 1"};
constexpr Shape kArchitectures = list("a list of amd64, arm64", kArchitecture);
constexpr Shape kExtends = list("a list of recipes", kFile);
constexpr Shape kOverlay{Kind::overlay, "a mapping: a part of a recipe"};
constexpr Shape kVariants = map("a mapping from name to a part of a recipe", check_name, kOverlay);
constexpr Shape kAxis = map("a mapping from value to a part of a recipe", check_name, kOverlay);
constexpr Shape kMatrix = map("a mapping from axis to its values", check_name, kAxis);

/// The first rows make a file a recipe of its own; an overlay may have all the others.
constexpr Key kRecipeKeys[] = {
    {"ainode", kRequired, "the format's version, 1", &kFormatVersion},
    {"name", kRequired, "the image's name", &kName, [](Reader r, Node v, Recipe& into) { into.name = r.text(v); }},
    {"extends", kOptional, "the recipes that this one builds on, in order", &kExtends},
    {"variants", kOptional, "parts of a recipe, chosen by NAME@VARIANT", &kVariants},
    {"matrix", kOptional, "axes of a matrix, chosen by NAME@AXIS=VALUE", &kMatrix},
    {"summary", kOptional, "one line of text", &kSummary,
     [](Reader r, Node v, Recipe& into) { into.summary = r.text(v); }},
    {"arch", kRequired, "a list of amd64, arm64", &kArchitectures,
     [](Reader r, Node v, Recipe& into) { into.architectures = r.texts(v); }},
    {"repositories", kRequired, "a list of repositories", &kRepositories,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.repositories.push_back(read_repository(r, item));
     }},
    {"packages", kOptional, "a mapping", &kPackages},
    {"kernel", kRequired, "a mapping with package and cmdline", &kKernel},
    {"initrd", kLater, "minimal or dracut", &kInitrd},
    {"drivers", kLater, "a list of drivers", &kDrivers},
    {"tuning", kOptional, "a mapping", &kTuning},
    {"containers", kOptional, "a mapping with runtime", &kContainers},
    {"systemd", kOptional, "a mapping with default-target", &kSystemd},
    {"users", kOptional, "accounts with fixed numbers", &kUsers,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.users.push_back(read_user(r, item));
     }},
    {"groups", kOptional, "groups with fixed numbers", &kGroups,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.groups.push_back(read_group(r, item));
     }},
    {"files", kOptional, "files to put into the image", &kPlacedFiles,
     [](Reader r, Node v, Recipe& into) {
       for (Node item : v.items) into.files.push_back(read_placed_file(r, item));
     }},
    {"security", kOptional, "a mapping", &kSecurity},
    {"disk", kOptional, "a mapping with partitions", &kDisk},
    {"signing", kOptional, "a mapping", &kSigning},
    {"outputs", kOptional, "a mapping", &kOutputs},
    {"update", kLater, "a mapping", &kMapping},
    {"validation", kOptional, "a mapping with profile", &kValidation},
};
constexpr std::size_t kOfAFileOnly = 5;
constexpr Shape kRecipe = table("a mapping of keys to values", kRecipeKeys);
constexpr Shape kRecipePart = table("a part of a recipe", std::span(kRecipeKeys).subspan(kOfAFileOnly));

}  // namespace

const Shape& recipe_shape() {
  return kRecipe;
}

const Shape& overlay_shape() {
  return kRecipePart;
}

const Key* find_key(const Shape& table, std::string_view key) {
  const auto row = std::find_if(table.keys.begin(), table.keys.end(), [&](const Key& row) { return row.key == key; });
  return row == table.keys.end() ? nullptr : &*row;
}

}  // namespace ainode
