#pragma once

// Ports for tests: a byte-level Tokenizer and a Generator that plays a script.
// Every id below 256 is the byte of that value, 256 is special.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"
#include "services/gateway/pipeline/observer.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

inline std::vector<int32_t> IdsOf(const std::string& text) {
  std::vector<int32_t> ids;
  for (const unsigned char byte : text) ids.push_back(byte);
  return ids;
}

inline std::shared_ptr<const Vocabulary> ByteVocabulary() {
  std::vector<VocabularyEntry> entries;
  for (int byte = 0; byte < 256; ++byte) {
    entries.push_back({.bytes = std::string(1, static_cast<char>(byte))});
  }
  entries.push_back({.bytes = "<end>", .special = true});
  auto vocabulary = Vocabulary::Create(std::move(entries), {});
  SLUICE_CHECK(vocabulary.ok(), "a vocabulary of bytes is one");
  return std::make_shared<const Vocabulary>(*std::move(vocabulary));
}

class FakeCall final : public Call {
 public:
  void Cancel() override {
    IdsCallback done;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      done = std::exchange(done_, nullptr);
    }
    if (done) done(absl::CancelledError("cancelled"));
  }
  bool cancelled() const {
    absl::MutexLock lock(&mutex_);
    return cancelled_;
  }
  void Hold(IdsCallback done) {
    absl::MutexLock lock(&mutex_);
    done_ = std::move(done);
  }
  void Answer(absl::StatusOr<std::vector<int32_t>> ids) {
    IdsCallback done;
    {
      absl::MutexLock lock(&mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (done) done(std::move(ids));
  }

 private:
  mutable absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  IdsCallback done_ ABSL_GUARDED_BY(mutex_);
};

// Answers at once with the bytes of the text; with `held`, when told to.
class FakeTokenizer final : public TokenizerPort {
 public:
  std::shared_ptr<Call> Tokenize(const std::string& text, Nanos deadline,
                                 IdsCallback done) override {
    return Run(text, std::move(done));
  }
  std::shared_ptr<Call> RenderChat(const api::ChatPrompt& prompt,
                                   Nanos deadline, IdsCallback done) override {
    std::string text = prompt.tools_json;
    for (const auto& message : prompt.messages) {
      text += message.role + ":" + message.content + "\n";
    }
    return Run(text + generation_prompt, std::move(done));
  }

  std::string generation_prompt;  // at the end of every chat
  bool held = false;
  absl::Status failure;                 // answered instead, unless OK
  std::shared_ptr<FakeCall> last_call;  // of a held one

 private:
  std::shared_ptr<Call> Run(const std::string& text, IdsCallback done) {
    auto call = std::make_shared<FakeCall>();
    if (held) {
      call->Hold(std::move(done));
      last_call = call;
    } else if (!failure.ok()) {
      done(failure);
    } else {
      done(IdsOf(text));
    }
    return call;
  }
};

// Plays what it was given, one answer a Read; waits when it has nothing.
class FakeStream final : public GeneratorStream {
 public:
  void Read(GeneratorEventCallback done) override {
    Answer answer(std::nullopt);
    {
      absl::MutexLock lock(&mutex_);
      ++reads_;
      SLUICE_CHECK(waiting_ == nullptr, "one Read at a time");
      if (script_.empty() && !cancelled_) {
        waiting_ = std::move(done);
        return;
      }
      answer = Take();
    }
    done(std::move(answer));
  }
  void Cancel() override {
    GeneratorEventCallback done;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      done = std::exchange(waiting_, nullptr);
    }
    if (done) done(absl::CancelledError("cancelled"));
  }
  void Push(GeneratorEvent event) { Add(std::optional(std::move(event))); }
  void Fail(absl::Status status) { Add(std::move(status)); }
  void Finish() { Add(std::nullopt); }

  bool cancelled() const {
    absl::MutexLock lock(&mutex_);
    return cancelled_;
  }
  int reads() const {
    absl::MutexLock lock(&mutex_);
    return reads_;
  }

 private:
  using Answer = absl::StatusOr<std::optional<GeneratorEvent>>;

  Answer Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (script_.empty()) return absl::CancelledError("cancelled");
    Answer answer = std::move(script_.front());
    script_.pop_front();
    return answer;
  }
  void Add(Answer answer) {
    GeneratorEventCallback done;
    {
      absl::MutexLock lock(&mutex_);
      if (waiting_ == nullptr) {
        script_.push_back(std::move(answer));
        return;
      }
      done = std::exchange(waiting_, nullptr);
    }
    done(std::move(answer));
  }

  mutable absl::Mutex mutex_;
  std::deque<Answer> script_ ABSL_GUARDED_BY(mutex_);
  GeneratorEventCallback waiting_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

// With `reply`, answers every request with these texts, one Delta each, and
// finishes; without, hands out bare streams for the test to drive.
class FakeGenerator final : public GeneratorPort {
 public:
  std::shared_ptr<GeneratorStream> Generate(Attempt attempt) override {
    auto stream = std::make_shared<FakeStream>();
    if (reply.has_value()) Play(*stream, attempt);
    absl::MutexLock lock(&mutex_);
    last_attempt_ = std::move(attempt);
    last_stream_ = stream;
    return stream;
  }

  std::optional<std::vector<std::string>> reply;
  api::FinishReason reason = api::FinishReason::kEos;
  absl::Status failure;  // ends the stream after the texts, unless OK

  std::shared_ptr<FakeStream> last_stream() const {
    absl::MutexLock lock(&mutex_);
    return last_stream_;
  }
  Attempt last_attempt() const {
    absl::MutexLock lock(&mutex_);
    return last_attempt_;
  }

 private:
  void Play(FakeStream& stream, const Attempt& attempt) const {
    const auto prompt = static_cast<int32_t>(attempt.prompt_ids.size());
    stream.Push(api::Queued{});
    stream.Push(AttemptStarted{.prompt_tokens = prompt,
                               .effective_params = attempt.params,
                               .fingerprint = "fake"});
    int32_t tokens = 1;
    for (const std::string& text : *reply) {
      stream.Push(TokenDelta{.ids = IdsOf(text)});
      tokens += static_cast<int32_t>(text.size());
    }
    if (!failure.ok()) return stream.Fail(failure);
    stream.Push(TokenDelta{.finish = SequenceFinish{.reason = reason}});
    stream.Push(AttemptFinished{
        .usage = {.prompt_tokens = prompt, .generated_tokens = tokens}});
    stream.Finish();
  }

  mutable absl::Mutex mutex_;
  Attempt last_attempt_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<FakeStream> last_stream_ ABSL_GUARDED_BY(mutex_);
};

// One model, "tiny" with a context of 100 tokens, unless told otherwise.
class FakeRouter final : public RouterPort {
 public:
  FakeRouter()
      : tokenizer(std::make_shared<FakeTokenizer>()),
        generator(std::make_shared<FakeGenerator>()) {
    model.name = "tiny";
    model.context_length = 100;
    model.parameters = 1000;
    model.chat = true;
    model.vocabulary_size = vocabulary->size();
    model.vocabulary_hash = vocabulary->hash();
  }

  absl::StatusOr<Route> Pick(std::string_view field,
                             std::string_view name) override {
    if (!failure.ok()) return failure;
    if (!name.empty() && name != model.name) {
      return absl::NotFoundError(std::string(field) + ": no such model");
    }
    return Route{.model = model,
                 .vocabulary = vocabulary,
                 .tokenizer = tokenizer,
                 .generator = generator,
                 .form = form};
  }
  std::vector<Route> Routes() const override {
    if (!failure.ok()) return {};
    return {Route{.model = model,
                  .vocabulary = vocabulary,
                  .tokenizer = tokenizer,
                  .generator = generator,
                  .instance = instance}};
  }
  std::vector<ModelInfo> Models() const override {
    if (!failure.ok()) return {};
    return {model};
  }

  std::shared_ptr<const Vocabulary> vocabulary = ByteVocabulary();
  std::shared_ptr<FakeTokenizer> tokenizer;
  std::shared_ptr<FakeGenerator> generator;
  ModelInfo model;
  AnswerForm form;
  std::string instance = "1";
  absl::Status failure;
};

// Remembers what it was told. Threads: any.
class FakeObserver final : public RequestObserver {
 public:
  void OnAdmitted() override {
    absl::MutexLock lock(&mutex_);
    ++admitted_;
  }
  void OnStageEnd(Stage stage, Nanos duration) override {
    absl::MutexLock lock(&mutex_);
    stages_.push_back(stage);
  }
  void OnFirstToken(Nanos after_arrival) override {
    absl::MutexLock lock(&mutex_);
    first_tokens_.push_back(after_arrival);
  }
  void OnTokenGap(Nanos gap) override {
    absl::MutexLock lock(&mutex_);
    gaps_.push_back(gap);
  }
  void OnEnd(const RequestRecord& record) override {
    absl::MutexLock lock(&mutex_);
    records_.push_back(record);
  }

  int admitted() const {
    absl::MutexLock lock(&mutex_);
    return admitted_;
  }
  std::vector<Stage> stages() const {
    absl::MutexLock lock(&mutex_);
    return stages_;
  }
  std::vector<Nanos> first_tokens() const {
    absl::MutexLock lock(&mutex_);
    return first_tokens_;
  }
  std::vector<Nanos> gaps() const {
    absl::MutexLock lock(&mutex_);
    return gaps_;
  }
  std::vector<RequestRecord> records() const {
    absl::MutexLock lock(&mutex_);
    return records_;
  }

 private:
  mutable absl::Mutex mutex_;
  int admitted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Stage> stages_ ABSL_GUARDED_BY(mutex_);
  std::vector<Nanos> first_tokens_ ABSL_GUARDED_BY(mutex_);
  std::vector<Nanos> gaps_ ABSL_GUARDED_BY(mutex_);
  std::vector<RequestRecord> records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
