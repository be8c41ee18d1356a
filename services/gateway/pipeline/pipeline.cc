#include "services/gateway/pipeline/pipeline.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/gateway/api/chat_checks.h"
#include "services/gateway/pipeline/backend_status.h"

namespace sluice::gateway {
namespace {

// A pause that is more than the time a face needs for an event.
constexpr Nanos kPauseSeen = 100 * kNanosPerMilli;

absl::Status DrainingError() {
  return WithReason(
      absl::UnavailableError("gateway: draining, takes no new request"),
      kReasonDraining);
}

// A Generator of another version may lack what a client asks for.
absl::Status RequireFeature(bool wanted, const std::string& field,
                            std::string_view feature, const ModelInfo& model) {
  if (!wanted || model.Has(feature)) return absl::OkStatus();
  return WithField(
      absl::UnimplementedError(field + ": not known to the generator of " +
                               api::Quoted(model.name)),
      field);
}

absl::StatusOr<Handling> HandlingOf(const api::RequestOptions& options,
                                    const ModelInfo& model) {
  const api::FieldNames& names = options.names;
  RETURN_IF_ERROR(RequireFeature(options.bypass_prefix_cache,
                                 names.Of("bypass_prefix_cache"),
                                 "bypass_prefix_cache", model));
  RETURN_IF_ERROR(RequireFeature(options.queue_timeout_ms.has_value(),
                                 names.Of("queue_timeout_ms"),
                                 "request_timeouts", model));
  RETURN_IF_ERROR(RequireFeature(options.first_token_timeout_ms.has_value(),
                                 names.Of("first_token_timeout_ms"),
                                 "request_timeouts", model));
  Handling handling;
  handling.tenant = options.tenant;
  handling.bypass_prefix_cache = options.bypass_prefix_cache;
  handling.queue_timeout_ms = options.queue_timeout_ms;
  handling.first_token_timeout_ms = options.first_token_timeout_ms;
  return handling;
}

// The answers of a chat are read for what its model writes into them.
absl::StatusOr<AnswerWish> WishOf(const api::ChatPrompt& chat,
                                  const api::RequestOptions& options,
                                  const Route& route) {
  AnswerWish wish;
  wish.form = route.form;
  wish.tools = api::OffersTools(chat);
  wish.reasoning = true;
  wish.call_id_prefix = absl::StrCat("call_", options.request_id, "_");
  if (!wish.tools || route.form.takes_tools) return wish;
  return FieldError(options.names.Of("tools_json"),
                    "the model has no form for tools",
                    api::Quoted(route.model.name));
}

// A seed that survives the doubles of a JavaScript client.
uint64_t DrawSeed(RandomSource& random) { return random.Next() >> 11; }

}  // namespace

Pipeline::Pipeline(const PipelineOptions& options, const PipelineParts& parts)
    : options_(options), parts_(parts) {}

Pipeline::~Pipeline() {
  SLUICE_CHECK(in_flight() == 0, "the pipeline outlives its requests");
}

absl::StatusOr<std::shared_ptr<Exchange>> Pipeline::Start(
    std::string_view route, api::ChatRequest request) {
  const Nanos arrival = parts_.clock.Now();
  const absl::Status valid = api::Validate(request);
  if (!valid.ok()) return Refuse(route, request.options, arrival, valid);
  const Asked asked = {.prompt_field = request.options.names.Of("messages"),
                       .chat = &request};
  ASSIGN_OR_RETURN(std::shared_ptr<Exchange> exchange,
                   Admit(route, std::move(request.options), asked, arrival));
  SharedIds prefix;
  if (parts_.public_prefixes != nullptr) {
    prefix =
        parts_.public_prefixes->Find(request.messages, exchange->plan().route);
  }
  exchange->StartChat(request, std::move(prefix));
  return exchange;
}

absl::StatusOr<std::shared_ptr<Exchange>> Pipeline::Start(
    std::string_view route, api::CompletionRequest request) {
  const Nanos arrival = parts_.clock.Now();
  const absl::Status valid = api::Validate(request);
  if (!valid.ok()) return Refuse(route, request.options, arrival, valid);
  const Asked asked = {.prompt_field = request.options.names.Of("prompt")};
  ASSIGN_OR_RETURN(std::shared_ptr<Exchange> exchange,
                   Admit(route, std::move(request.options), asked, arrival));
  exchange->StartText(request.prompt);
  return exchange;
}

absl::Status Pipeline::Refused(std::string_view route,
                               absl::Status status) const {
  return Refuse(route, {}, parts_.clock.Now(), std::move(status));
}

absl::StatusOr<std::shared_ptr<Exchange>> Pipeline::Admit(
    std::string_view route, api::RequestOptions options, Asked asked,
    Nanos arrival) {
  // What is known to be too much is refused before any work.
  const absl::Status room = Room();
  if (!room.ok()) return Refuse(route, options, arrival, room);
  if (options.request_id.empty()) options.request_id = DrawId(parts_.random);
  absl::StatusOr<ExchangePlan> plan = Plan(route, options, asked);
  if (!plan.ok()) return Refuse(route, options, arrival, plan.status());
  const Nanos allowed = std::min(
      options.timeout.value_or(options_.request_timeout_ms * kNanosPerMilli),
      options_.max_request_timeout_ms * kNanosPerMilli);
  plan->prompt_field = std::move(asked.prompt_field);
  plan->arrival = arrival;
  plan->deadline = arrival + allowed;
  auto exchange = std::make_shared<Exchange>(
      *std::move(plan), parts_.clock, parts_.observer,
      [this, id = options.request_id] { Leave(id); });
  const absl::Status entered = Enter(options.request_id, exchange);
  if (!entered.ok()) return Refuse(route, options, arrival, entered);
  parts_.observer.OnAdmitted();
  return exchange;
}

absl::StatusOr<ExchangePlan> Pipeline::Plan(std::string_view route,
                                            api::RequestOptions options,
                                            const Asked& asked) const {
  const api::FieldNames& names = options.names;
  ASSIGN_OR_RETURN(const Preset* preset,
                   parts_.presets.Find(names.Of("preset"), options.preset));
  ExchangePlan plan;
  ASSIGN_OR_RETURN(plan.route,
                   parts_.router.Pick(names.Of("model"), options.model));
  const ModelInfo& model = plan.route.model;
  ASSIGN_OR_RETURN(plan.handling, HandlingOf(options, model));
  if (asked.chat != nullptr) {
    ASSIGN_OR_RETURN(plan.wish, WishOf(*asked.chat, options, plan.route));
  }
  plan.params = ResolveParams(options.params, preset, model.default_params,
                              model.context_length);
  RETURN_IF_ERROR(
      api::ValidateForModel(plan.params, names,
                            {.context_length = model.context_length,
                             .vocabulary_size = model.vocabulary_size}));
  if (!plan.params.seed.has_value()) {
    plan.params.seed = DrawSeed(parts_.random);
  }
  plan.route_name = route;
  plan.request_id = std::move(options.request_id);
  plan.max_pause = options_.slow_reader_timeout_ms * kNanosPerMilli;
  plan.max_silence = options_.max_silence_ms * kNanosPerMilli;
  plan.retry_delay = options_.retry_delay_ms * kNanosPerMilli;
  return plan;
}

absl::Status Pipeline::Room() const {
  absl::MutexLock lock(&mutex_);
  return RoomLocked();
}

absl::Status Pipeline::RoomLocked() const {
  if (draining_) return DrainingError();
  if (in_flight_.size() < static_cast<size_t>(options_.max_in_flight)) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "gateway: too many requests in flight, got ", in_flight_.size() + 1,
          ", limit ", options_.max_in_flight)),
      kReasonQueueFull);
}

absl::Status Pipeline::Enter(const std::string& request_id,
                             std::shared_ptr<Exchange> exchange) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(RoomLocked());
  if (!in_flight_.emplace(request_id, std::move(exchange)).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("request_id: is in flight, got ", api::Quoted(request_id),
                     ", limit one at a time"));
  }
  return absl::OkStatus();
}

void Pipeline::Leave(const std::string& request_id) {
  // Destroyed outside the lock: an exchange holds what it was routed to.
  std::shared_ptr<Exchange> left;
  absl::MutexLock lock(&mutex_);
  const auto found = in_flight_.find(request_id);
  SLUICE_CHECK(found != in_flight_.end(), "a request leaves once");
  left = std::move(found->second);
  in_flight_.erase(found);
}

absl::Status Pipeline::Refuse(std::string_view route,
                              const api::RequestOptions& options, Nanos arrival,
                              absl::Status status) const {
  RequestRecord record;
  record.route = route;
  record.request_id = options.request_id;
  record.code = status.code();
  record.duration = parts_.clock.Now() - arrival;
  parts_.observer.OnEnd(record);
  return TellWhenToRetry(std::move(status),
                         options_.retry_delay_ms * kNanosPerMilli);
}

std::vector<std::shared_ptr<Exchange>> Pipeline::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Exchange>> exchanges;
  exchanges.reserve(in_flight_.size());
  for (const auto& [id, exchange] : in_flight_) exchanges.push_back(exchange);
  return exchanges;
}

void Pipeline::Tick() {
  const Nanos now = parts_.clock.Now();
  for (const auto& exchange : Snapshot()) exchange->Tick(now);
}

void Pipeline::BeginDrain() {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
}

void Pipeline::CancelAll() {
  for (const auto& exchange : Snapshot()) exchange->Cancel(DrainingError());
}

size_t Pipeline::paused() const {
  const Nanos long_ago = parts_.clock.Now() - kPauseSeen;
  const auto exchanges = Snapshot();
  return static_cast<size_t>(std::count_if(
      exchanges.begin(), exchanges.end(), [long_ago](const auto& exchange) {
        const std::optional<Nanos> since = exchange->paused_since();
        return since.has_value() && *since <= long_ago;
      }));
}

size_t Pipeline::in_flight() const {
  absl::MutexLock lock(&mutex_);
  return in_flight_.size();
}

}  // namespace sluice::gateway
