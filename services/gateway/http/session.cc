#include "services/gateway/http/session.h"

#include <optional>
#include <string>
#include <utility>

#include "common/http/http_error.h"
#include "services/gateway/http/paced_writer.h"

namespace sluice::gateway {
namespace {

using Outcome = absl::StatusOr<std::optional<api::Event>>;

// The exchange ends with its client.
void CancelGone(const std::weak_ptr<Exchange>& weak) {
  if (const auto run = weak.lock()) {
    run->Cancel(absl::CancelledError("request: the client is gone"));
  }
}

// Kept alive by the callback that waits for the next event.
class WholeSession : public std::enable_shared_from_this<WholeSession> {
 public:
  WholeSession(std::shared_ptr<HttpExchange> http,
               std::shared_ptr<Exchange> run, std::unique_ptr<WholeReply> reply,
               const Clock& clock)
      : http_(std::move(http)),
        run_(std::move(run)),
        reply_(std::move(reply)),
        clock_(clock) {}

  void Start() {
    http_->OnClosed([run = std::weak_ptr<Exchange>(run_)] { CancelGone(run); });
    Pull();
  }

 private:
  void Pull() {
    run_->Next([self = shared_from_this()](Outcome next) {
      self->OnNext(std::move(next));
    });
  }

  void OnNext(Outcome next) {
    if (!next.ok()) return http_->Respond(ErrorResponse(next.status()));
    if (!next->has_value()) return Respond();
    Take(**next);
    Pull();
  }

  void Take(api::Event& event) {
    if (auto* started = std::get_if<api::Started>(&event)) {
      started_ = std::move(*started);
    } else if (auto* delta = std::get_if<api::Delta>(&event)) {
      answer_.text += delta->text;
      answer_.reasoning += delta->reasoning;
    } else if (auto* finished = std::get_if<api::Finished>(&event)) {
      finished_ = std::move(*finished);
    }
  }

  void Respond() {
    HttpResponse response;
    response.body = reply_->Body(started_, answer_, finished_,
                                 clock_.Now() - run_->plan().arrival);
    http_->Respond(std::move(response));
  }

  const std::shared_ptr<HttpExchange> http_;
  const std::shared_ptr<Exchange> run_;
  const std::unique_ptr<WholeReply> reply_;
  const Clock& clock_;
  api::Started started_;
  WholeAnswer answer_;  // bounded by the context
  api::Finished finished_;
};

// Kept alive by the callback that waits for an event or for room to write.
class StreamSession : public std::enable_shared_from_this<StreamSession> {
 public:
  StreamSession(std::shared_ptr<HttpExchange> http,
                std::shared_ptr<Exchange> run,
                std::unique_ptr<StreamReply> reply, const Clock& clock)
      : http_(std::move(http)),
        run_(std::move(run)),
        reply_(std::move(reply)),
        clock_(clock),
        writer_(std::make_shared<PacedWriter>(http_)) {}

  void Start() {
    http_->OnClosed([run = std::weak_ptr<Exchange>(run_),
                     writer = std::weak_ptr<PacedWriter>(writer_)] {
      CancelGone(run);
      if (const auto waiting = writer.lock()) waiting->Wake();
    });
    // A client that takes nothing shall still hear how its request ended.
    run_->OnEndUnread([writer = std::weak_ptr<PacedWriter>(writer_)] {
      if (const auto waiting = writer.lock()) waiting->GiveUp();
    });
    Pull();
  }

 private:
  void Pull() {
    run_->Next([self = shared_from_this()](Outcome next) {
      self->OnNext(std::move(next));
    });
  }

  void OnNext(Outcome next) {
    if (!next.ok()) return Fail(next.status());
    if (!next->has_value()) return End();
    std::string piece = reply_->Event(**next);
    if (!begun_) Begin();
    if (piece.empty()) return Pull();
    writer_->Write(std::move(piece),
                   [self = shared_from_this()](const absl::Status& taken) {
                     if (!taken.ok()) self->run_->Cancel(taken);
                     self->Pull();
                   });
  }

  void Begin() {
    begun_ = true;
    HttpResponse head;
    head.content_type = "text/event-stream";
    http_->BeginStream(std::move(head));
    writer_->Listen();
  }

  void Fail(const absl::Status& status) {
    if (!begun_) return http_->Respond(ErrorResponse(status));
    http_->EndWith(reply_->Error(status));
  }

  void End() {
    writer_->Write(reply_->End(clock_.Now() - run_->plan().arrival),
                   [self = shared_from_this()](const absl::Status& taken) {
                     if (taken.ok()) self->http_->End();
                   });
  }

  const std::shared_ptr<HttpExchange> http_;
  const std::shared_ptr<Exchange> run_;
  const std::unique_ptr<StreamReply> reply_;
  const Clock& clock_;
  const std::shared_ptr<PacedWriter> writer_;
  bool begun_ = false;
};

}  // namespace

void AnswerWhole(std::shared_ptr<HttpExchange> http,
                 std::shared_ptr<Exchange> exchange,
                 std::unique_ptr<WholeReply> reply, const Clock& clock) {
  std::make_shared<WholeSession>(std::move(http), std::move(exchange),
                                 std::move(reply), clock)
      ->Start();
}

void AnswerStream(std::shared_ptr<HttpExchange> http,
                  std::shared_ptr<Exchange> exchange,
                  std::unique_ptr<StreamReply> reply, const Clock& clock) {
  std::make_shared<StreamSession>(std::move(http), std::move(exchange),
                                  std::move(reply), clock)
      ->Start();
}

}  // namespace sluice::gateway
