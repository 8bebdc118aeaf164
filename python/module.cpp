// SPDX-License-Identifier: Apache-2.0
// The module behind the package `ainode`: each function is a call of the builder or the harness, and answers in JSON;
// the package's classes are made of that.
#include <fmt/format.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>

#include "base/files.h"
#include "base/version.h"
#include "builder/interface.h"
#include "builder/lock_packages.h"
#include "python/call.h"
#include "python/program.h"
#include "python/session.h"
#include "validators/figure_files.h"
#include "validators/suite.h"
namespace py = pybind11;

namespace ainode::python {

namespace {

using Names = std::vector<std::string>;

py::object nobody() {
  return py::none();
}

/// Text that a recipe or an image made may hold any bytes.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Report report_in(const std::string& json) {
  return Report::from_json(parse_json(json, "the report", codes::report_malformed), "the report");
}

std::shared_ptr<Recipe> load(const std::string& name, const std::string& architecture) {
  return answer_of(nobody(), 1, [&](RunContext&) {
    return std::make_shared<Recipe>(load_recipe(name, {architecture, {}}));
  });
}

std::string describe(const Recipe& recipe) {
  return text_of({{"name", recipe.name.value},
                  {"summary", recipe.summary.value},
                  {"file", fs::absolute(recipe.file).lexically_normal().string()},
                  {"variant", recipe.variant},
                  {"architecture", recipe.architecture},
                  {"digest", recipe.digest},
                  {"lock", fs::absolute(lock_file_path(recipe)).lexically_normal().string()},
                  {"values", Json::parse(recipe.values)}});
}

void require_fit(const Recipe& recipe, const fs::path& lock) {
  call(nobody(), 1, [&](RunContext&) { fitting_lock(lock_state_of(lock, recipe)); });
}

std::string read_lock_file(const fs::path& path) {
  return answer_of(nobody(), 1, [&](RunContext&) {
    std::string text = read_file(path);
    read_lock(text, path.string());
    return text;
  });
}

std::string program(const Names& arguments, int jobs, const py::object& on_event) {
  return text_of(answer_of(on_event, jobs, [&](RunContext& run) { return run_program(run, arguments); }));
}

std::string manifest(const fs::path& image) {
  return text_of(answer_of(nobody(), 1, [&](RunContext&) { return read_manifest(image).to_json(); }));
}

void verify(const fs::path& image, const fs::path& openpgp, const fs::path& ed25519, int jobs,
            const py::object& on_event) {
  call(on_event, jobs, [&](RunContext& run) { verify_image(run, image, trust_keys_in(openpgp, ed25519)); });
}

std::string validate(const fs::path& image, const Names& targets, const Names& profiles, const std::string& level,
                     const Names& checks, const Names& arguments, bool counted, const std::string& qemu,
                     const fs::path& evidence, int deadline, int silence, int cpu_deadline, int jobs,
                     const py::object& on_event) {
  ValidateOptions options;
  options.image = image;
  options.profiles = profiles;
  options.level = level;
  options.checks = checks;
  options.counted = counted;
  options.qemu = qemu;
  options.evidence = evidence;
  options.extra_arguments = arguments;
  options.wall_deadline = std::chrono::seconds(deadline);
  options.silence = std::chrono::seconds(silence);
  options.cpu_deadline = std::chrono::seconds(cpu_deadline);
  return text_of(
      answer_of(on_event, jobs, [&](RunContext& run) { return validate_targets(run, options, targets).to_json(); }));
}

std::string read_report_file(const fs::path& path) {
  return text_of(answer_of(nobody(), 1, [&](RunContext&) { return read_report(path).to_json(); }));
}

/// Several reports, each a boot, are judged as one.
Report merged(const Names& reports) {
  if (reports.size() == 1) return report_in(reports[0]);
  std::vector<NamedReport> named;
  for (const std::string& report : reports)
    named.push_back({fmt::format("report {}", named.size() + 1), report_in(report)});
  return merge_reports(named);
}

/// The gate's JSON, and its table.
std::pair<std::string, std::string> judge(const Names& reports, const fs::path& baseline_file,
                                          const fs::path& policy_file) {
  return answer_of(nobody(), 1, [&](RunContext&) {
    const Baseline baseline = read_baseline(baseline_file);
    const Policy policy = policy_file.empty() ? usual_policy(baseline.set) : read_policy(policy_file);
    const GateResult result = gate(merged(reports), baseline, policy, date_today());
    return std::pair(text_of(result.to_json()), to_table(result, false));
  });
}

std::string write_baseline(const Names& reports, int valid_days) {
  return answer_of(nobody(), 1, [&](RunContext&) {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= reports.size(); ++i) names.push_back(fmt::format("report {}", i));
    return write_json(make_baseline(merged(reports), names, date_today(), valid_days).to_json());
  });
}

/// A writer of reports over the report's JSON.
auto written_by(std::string (*writer)(const Report&)) {
  return [writer](const std::string& report) {
    return answer_of(nobody(), 1, [&](RunContext&) { return writer(report_in(report)); });
  };
}

}  // namespace

PYBIND11_MODULE(_ainode, module) {
  module.doc() = "What the package ainode calls; its names may change.";
  module.attr("version") = kVersion;

  py::class_<Recipe, std::shared_ptr<Recipe>>(module, "Recipe", plain_class())
      .def("describe", &describe)
      .def("require_fit", &require_fit, py::arg("lock"));
  module.def("load_recipe", &load, py::arg("name"), py::arg("architecture"));
  module.def("read_lock", &read_lock_file, py::arg("path"));
  module.def("program", &program, py::arg("arguments"), py::arg("jobs"), py::arg("on_event"));
  module.def("read_manifest", &manifest, py::arg("image"));
  module.def("verify", &verify, py::arg("image"), py::arg("openpgp"), py::arg("ed25519"), py::arg("jobs"),
             py::arg("on_event"));
  module.def("validate", &validate, py::arg("image"), py::arg("targets"), py::arg("profiles"), py::arg("level"),
             py::arg("checks"), py::arg("arguments"), py::arg("counted"), py::arg("qemu"), py::arg("evidence"),
             py::arg("deadline"), py::arg("silence"), py::arg("cpu_deadline"), py::arg("jobs"), py::arg("on_event"));
  module.def("read_report", &read_report_file, py::arg("path"));
  module.def("report_junit", written_by(&to_junit), py::arg("report"));
  module.def("report_markdown", written_by(&to_markdown), py::arg("report"));
  module.def("report_table", written_by([](const Report& report) { return to_table(report, false); }),
             py::arg("report"));
  module.def("gate", &judge, py::arg("reports"), py::arg("baseline"), py::arg("policy"));
  module.def("make_baseline", &write_baseline, py::arg("reports"), py::arg("valid_days"));
  define_session(module);
}

}  // namespace ainode::python
