// SPDX-License-Identifier: Apache-2.0
// What texts in a recipe may look like. Each rule answers what is wrong, or nothing.
#pragma once

#include <string>
#include <string_view>

namespace ainode {

std::string check_summary(std::string_view text);
std::string check_name(std::string_view text);  ///< of recipes, repositories, partitions, profiles: file-name safe
std::string check_account_name(std::string_view text);
std::string check_architecture(std::string_view text);
std::string check_archive_word(std::string_view text);  ///< a distribution, suite or component
std::string check_package_name(std::string_view text);  ///< dpkg's syntax, which no shell or option parser mistakes
std::string check_version_glob(std::string_view text);
std::string check_kernel_argument(std::string_view text);
std::string check_target_unit(std::string_view text);
std::string check_partition_type(std::string_view text);
std::string check_filesystem(std::string_view text);
std::string check_mount_point(std::string_view text);
std::string check_key_name(std::string_view text);
std::string check_ref_template(std::string_view text);
std::string check_disk_format(std::string_view text);
std::string check_package_glob(std::string_view text);
std::string check_unit(std::string_view text);
std::string check_file_path(std::string_view text);  ///< of a file beside the recipe
std::string check_line(std::string_view text);       ///< one line, no control characters
std::string check_any_text(std::string_view text);   ///< a file's content
std::string check_kernel_option(std::string_view text);
std::string check_sysctl(std::string_view text);
std::string check_module_name(std::string_view text);
std::string check_initrd(std::string_view text);
std::string check_page_size(std::string_view text);
std::string check_spread(std::string_view text);
std::string check_parameter_value(std::string_view text);  ///< of a kernel module
std::string check_resource(std::string_view text);
std::string check_resource_limit(std::string_view text);
std::string check_thp(std::string_view text);
std::string check_lockdown(std::string_view text);
std::string check_runtime(std::string_view text);
std::string check_tuning_profile(std::string_view text);
std::string check_cdi_name(std::string_view text);     ///< vendor.com/class=name
std::string check_device_node(std::string_view text);  ///< /dev/x or /dev/x:/dev/y
std::string check_port(std::string_view text);         ///< 22/tcp
std::string check_processor_list(std::string_view text);
std::string check_device_glob(std::string_view text);
std::string check_mode(std::string_view text);
std::string check_measure(std::string_view text);

}  // namespace ainode
