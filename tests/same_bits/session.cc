#include "tests/same_bits/session.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/telemetry/metrics.h"
#include "common/vocabulary/token_table.h"
#include "services/generator/engine/engine_core.h"
#include "tests/same_bits/row_recorder.h"

namespace sluice::generator {
namespace {

EngineOptions EngineOf(const Setting& setting) {
  EngineOptions engine;
  engine.scheduler.max_batch_size = setting.max_running;
  engine.scheduler.max_step_rows = std::max(512, setting.max_running);
  engine.scheduler.max_queued_requests = 1 << 20;
  engine.scheduler.prefix_cache = setting.prefix_cache;
  engine.pacer.first_prefill_rows = setting.prefill_rows;
  engine.pacer.min_prefill_rows = setting.prefill_rows;
  engine.pacer.max_prefill_rows = setting.prefill_rows;
  engine.scheduler.speculation.on = setting.guess_from != nullptr;
  return engine;
}

// Three of four guesses are what a reference says.
class PlantedDrafts final : public DraftSource {
 public:
  explicit PlantedDrafts(const std::vector<Trail>* reference) {
    if (reference == nullptr) return;
    for (const Trail& trail : *reference) {
      ids_[{trail.request_id, trail.index}] = trail.ids;
    }
  }

  std::vector<int32_t> Guess(Sequence& sequence, int32_t most) override {
    std::string name = sequence.request->request.id();
    name.resize(std::min(name.size(), name.find('#')));
    const std::vector<int32_t>& ids = ids_[{name, sequence.index}];
    std::vector<int32_t> guesses;
    for (size_t at = sequence.stops.generated();
         at < ids.size() && guesses.size() < static_cast<size_t>(most); ++at) {
      guesses.push_back(random_() % 4 == 0 ? sequence.ids[0] : ids[at]);
    }
    return guesses;
  }

 private:
  std::map<std::pair<std::string, int32_t>, std::vector<int32_t>> ids_;
  std::mt19937 random_{1};
};

// Advances the clock by the same for each step: every guess is worth its row.
class SteadyRunner final : public ModelRunner {
 public:
  SteadyRunner(ModelRunner& inner, FakeClock& clock)
      : inner_(inner), clock_(clock) {}
  const RunnerInfo& info() const override { return inner_.info(); }
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    clock_.Advance(kNanosPerMilli);
    return inner_.Run(plan);
  }

 private:
  ModelRunner& inner_;
  FakeClock& clock_;
};

// What one client got.
struct Answer {
  std::map<int32_t, std::vector<int32_t>> ids;  // by sequence index
  std::map<int32_t, bool> ends_unseen;          // by an id that is not shown
  int32_t cached_tokens = 0;
  bool greedy = false;
};

absl::StatusOr<Answer> ReadAll(Outbox& outbox) {
  Answer answer;
  std::optional<absl::Status> end;
  while (!end.has_value()) {
    Outbox::Taken taken = outbox.Take();
    if (!taken.message.has_value() && !taken.end.has_value()) {
      return absl::InternalError("a stream has no end");
    }
    end = taken.end;
    if (!taken.message.has_value()) continue;
    if (const auto* started = std::get_if<Started>(&*taken.message)) {
      answer.cached_tokens = started->cached_tokens;
      answer.greedy = started->params.greedy();
    } else if (const auto* delta = std::get_if<Delta>(&*taken.message)) {
      auto& ids = answer.ids[delta->index];
      ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
      if (delta->end.has_value()) {
        answer.ends_unseen[delta->index] = delta->end->matched_id.has_value();
      }
    }
  }
  RETURN_IF_ERROR(*end);
  return answer;
}

class Session {
 public:
  Session(const SessionModel& model, const Setting& setting,
          ModelRunner& runner)
      : model_(model),
        setting_(setting),
        drafts_(setting.guess_from),
        steady_(runner, clock_),
        recorder_(steady_, setting.spoil),
        core_(EngineOf(setting), PartsOf(model)) {
    recorder_.Watch(core_.scheduler());
  }

  absl::Status RunPhase(const std::vector<RequestFields>& phase) {
    const auto step = [this] {
      if (core_.Step() || core_.idle()) return absl::OkStatus();
      return absl::InternalError("nothing can run and requests wait");
    };
    for (const RequestFields& fields : phase) {
      RETURN_IF_ERROR(Submit(fields));
      for (int32_t i = 0; i < setting_.steps_between_arrivals; ++i) {
        RETURN_IF_ERROR(step());
      }
    }
    while (!core_.idle()) RETURN_IF_ERROR(step());
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Trail>> Trails() {
    std::vector<Trail> trails;
    for (const auto& [fields, outbox] : clients_) {
      ASSIGN_OR_RETURN(Answer answer, ReadAll(*outbox));
      for (int32_t index = 0; index < fields.n; ++index) {
        trails.push_back(TrailOf(fields, index, answer));
      }
    }
    return trails;
  }

 private:
  EngineParts PartsOf(const SessionModel& model) {
    EngineParts parts{recorder_, model.vocabulary, clock_, metrics_, board_};
    parts.drafts = &drafts_;
    return parts;
  }

  absl::Status Submit(const RequestFields& fields) {
    RequestLimits limits;
    limits.context_length = recorder_.info().context_length;
    limits.vocabulary_size = recorder_.info().vocabulary_size;
    limits.eos_ids = model_.eos_ids;
    ASSIGN_OR_RETURN(Request request, Request::Create(fields, limits));
    auto outbox = std::make_shared<Outbox>(
        OutboxLimits(), [] {}, [] {});
    clients_.emplace_back(fields, outbox);
    core_.Submit({std::move(request), std::move(outbox)});
    return absl::OkStatus();
  }

  Trail TrailOf(const RequestFields& fields, int32_t index, Answer& answer) {
    Trail trail;
    const auto found = recorder_.trails().find({fields.request_id, index});
    if (found != recorder_.trails().end()) trail = found->second;
    trail.request_id = fields.request_id;
    trail.index = index;
    trail.greedy = answer.greedy;
    trail.prompt_tokens = static_cast<int32_t>(fields.prompt_ids.size());
    trail.cached_tokens = answer.cached_tokens;
    for (const ResumedIds& resumed : fields.resumed) {
      if (resumed.index == index) trail.ids = resumed.ids;
    }
    trail.resumed_tokens = static_cast<int32_t>(trail.ids.size());
    const std::vector<int32_t>& ids = answer.ids[index];
    trail.ids.insert(trail.ids.end(), ids.begin(), ids.end());
    // Guesses beyond the end were run too.
    trail.rows.resize(
        std::min(trail.rows.size(), ids.size() + answer.ends_unseen[index]));
    return trail;
  }

  const SessionModel& model_;
  const Setting setting_;
  // Of the steps alone, and all take as long.
  FakeClock clock_;
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  PlantedDrafts drafts_;
  SteadyRunner steady_;
  RowRecorder recorder_;
  EngineCore core_;
  std::vector<std::pair<RequestFields, std::shared_ptr<Outbox>>> clients_;
};

}  // namespace

absl::StatusOr<SessionModel> ReadSessionModel(const std::string& directory) {
  ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabulary(directory));
  ASSIGN_OR_RETURN(std::vector<int32_t> eos_ids, ReadEosIds(directory));
  return SessionModel{directory, std::move(vocabulary), std::move(eos_ids)};
}

absl::StatusOr<std::vector<Trail>> RunSession(
    const SessionModel& model, const Setting& setting,
    const std::vector<std::vector<RequestFields>>& phases) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ModelRunner> runner,
                   CreateNativeRunner(model.directory, setting.native));
  Session session(model, setting, *runner);
  for (const std::vector<RequestFields>& phase : phases) {
    RETURN_IF_ERROR(session.RunPhase(phase));
  }
  return session.Trails();
}

}  // namespace sluice::generator
