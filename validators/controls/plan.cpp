// SPDX-License-Identifier: Apache-2.0
#include "validators/controls/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ainode::controls {

namespace {

Ids in_both(const std::vector<std::string_view>& some, const Ids& others) {
  Ids ids;
  for (const std::string_view id : some)
    if (others.contains(std::string(id))) ids.insert(std::string(id));
  return ids;
}

Ids without(const Ids& all, const Ids& others) {
  Ids left;
  std::set_difference(all.begin(), all.end(), others.begin(), others.end(), std::inserter(left, left.end()));
  return left;
}

Ids failed_of(const Ids& passed, const Report& run) {
  Ids failed;
  for (const CheckResult& check : run.checks)
    if (check.verdict == Verdict::fail && passed.contains(check.id)) failed.insert(check.id);
  return failed;
}

bool is_planted(const Planned& planned, const Report& run) {
  const auto list = run.boot.find("unplanted");
  return list == run.boot.end() || std::find(list->begin(), list->end(), planned.control->name) == list->end();
}

Ids touched(const Batch& batch) {
  Ids ids;
  for (const Planned& each : batch) {
    ids.insert(each.must.begin(), each.must.end());
    ids.insert(each.may.begin(), each.may.end());
  }
  return ids;
}

bool is_disjoint(const Ids& some, const Ids& others) {
  return std::none_of(some.begin(), some.end(), [&](const std::string& id) { return others.contains(id); });
}

std::string listed(const Ids& ids) {
  return fmt::format("{}", fmt::join(ids, ", "));
}

}  // namespace

Ids passed_in(const Report& report) {
  Ids ids;
  for (const CheckResult& check : report.checks)
    if (check.verdict == Verdict::pass) ids.insert(check.id);
  return ids;
}

std::vector<Planned> plan(const std::vector<const Control*>& controls, const Ids& passed) {
  std::vector<Planned> planned;
  for (const Control* control : controls) {
    Ids must = in_both(control->catches, passed);
    if (!must.empty()) planned.push_back({control, std::move(must), in_both(control->may, passed)});
  }
  return planned;
}

std::vector<Planned> share_of(const std::vector<Planned>& planned, int share, int shares) {
  std::vector<Planned> chosen;
  for (std::size_t i = static_cast<std::size_t>(share - 1); i < planned.size(); i += static_cast<std::size_t>(shares))
    chosen.push_back(planned[i]);
  return chosen;
}

Ids due_of(const std::vector<Planned>& planned) {
  Ids due;
  for (const Planned& each : planned) due.insert(each.must.begin(), each.must.end());
  return due;
}

std::vector<Batch> batches_of(const std::vector<Planned>& planned, bool apart) {
  std::vector<Batch> batches;
  for (const Planned& each : planned) {
    const auto room = std::find_if(batches.begin(), batches.end(), [&](const Batch& batch) {
      return !apart && is_disjoint(touched({each}), touched(batch));
    });
    if (room == batches.end())
      batches.push_back({each});
    else
      room->push_back(each);
  }
  return batches;
}

Deviation deviation_of(const Batch& batch, const Ids& passed, const Report& run) {
  if (!run.failure.empty()) return {batch, {}};
  const Ids failed = failed_of(passed, run);
  Deviation deviation = {batch, without(failed, touched(batch))};
  std::erase_if(deviation.missed,
                [&](const Planned& each) { return is_planted(each, run) && without(each.must, failed).empty(); });
  return deviation;
}

CheckResult judge_control(const Planned& planned, const Batch& batch, const Ids& passed, const Report& run) {
  const Ids failed = failed_of(passed, run), missed = without(planned.must, failed);
  const Ids surplus = without(failed, touched(batch)), others = without(touched(batch), touched({planned}));
  CheckResult result;
  result.id = fmt::format("control.{}", planned.control->name);
  result.sentence = fmt::format("{}: {} must fail", planned.control->defect, listed(planned.must));
  result.expected = {{"fail", planned.must}};
  result.measured = {{"fail", without(failed, others)}};
  const bool was_planted = is_planted(planned, run);
  result.verdict = was_planted && missed.empty() && surplus.empty() ? Verdict::pass : Verdict::fail;
  if (!run.failure.empty()) {
    result.verdict = run.failure_verdict;
    result.reason = "the run with the defect: " + run.failure;
  } else if (!was_planted) {
    result.reason = "it could not be planted; the guest's console tells why";
  } else if (!missed.empty()) {
    result.reason = fmt::format("{} did not fail", listed(missed));
  } else if (!surplus.empty()) {
    result.reason = fmt::format("{} failed too, for which it was not planted", listed(surplus));
  }
  return result;
}

CheckResult judge_score(const Ids& due, const std::vector<Planned>& planned, const std::vector<CheckResult>& results) {
  Ids uncaught = due;
  for (std::size_t i = 0; i < planned.size(); ++i)
    if (results[i].verdict == Verdict::pass) uncaught = without(uncaught, planned[i].must);
  CheckResult score;
  score.id = "control.score";
  score.sentence = "each check that passes fails where a defect is planted for it";
  score.measured = {{"passed", due.size()}, {"caught", due.size() - uncaught.size()}, {"uncaught", uncaught}};
  score.expected = {{"uncaught", Json::array()}};
  score.evidence = "the rows control.*";
  score.verdict = due.empty() ? Verdict::skip : uncaught.empty() ? Verdict::pass : Verdict::fail;
  if (due.empty()) score.reason = "no check passed: there is nothing to catch";
  if (!uncaught.empty())
    score.reason = fmt::format("mutation score {} of {}: nothing shows that {} can fail", due.size() - uncaught.size(),
                               due.size(), listed(uncaught));
  return score;
}

}  // namespace ainode::controls
