#pragma once

// A Tokenizer and a Generator on the wire, for tests of the clients.

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "services/gateway/pipeline/fake_ports.h"
#include "sluice/generator/v1/generator.grpc.pb.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::gateway {

// Writes what it was given, then finishes. Deletes itself.
template <typename Message>
class ScriptReactor final : public grpc::ServerWriteReactor<Message> {
 public:
  // With `hang`, waits for a cancel instead of finishing.
  ScriptReactor(std::vector<Message> script, grpc::Status status, bool hang,
                std::atomic<int>* cancels)
      : script_(std::move(script)),
        status_(std::move(status)),
        hang_(hang),
        cancels_(cancels) {
    Advance();
  }
  void OnWriteDone(bool ok) override {
    if (ok) return Advance();
    End(grpc::Status::CANCELLED);
  }
  void OnCancel() override {
    if (cancels_ != nullptr) ++*cancels_;
    End(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  void Advance() {
    if (next_ < script_.size()) return this->StartWrite(&script_[next_++]);
    if (!hang_) End(status_);
  }
  void End(grpc::Status status) {
    if (!ended_.exchange(true)) this->Finish(std::move(status));
  }

  std::vector<Message> script_;
  const grpc::Status status_;
  const bool hang_;
  std::atomic<int>* const cancels_;
  size_t next_ = 0;
  std::atomic<bool> ended_ = false;
};

// Bytes to ids, as FakeTokenizer does.
class FakeTokenizerService final
    : public tokenizer::v1::TokenizerService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Tokenize(
      grpc::CallbackServerContext* context,
      const tokenizer::v1::TokenizeRequest* request,
      tokenizer::v1::TokenizeResponse* response) override {
    for (const int32_t id : IdsOf(request->text())) response->add_ids(id);
    response->set_vocabulary_hash(answer_hash());
    return Reply(context, failure);
  }
  grpc::ServerUnaryReactor* RenderChat(
      grpc::CallbackServerContext* context,
      const tokenizer::v1::RenderChatRequest* request,
      tokenizer::v1::RenderChatResponse* response) override {
    {
      absl::MutexLock lock(&mutex_);
      last_chat_ = *request;
    }
    for (const auto& message : request->messages()) {
      for (const int32_t id : IdsOf(message.content())) response->add_ids(id);
    }
    response->set_vocabulary_hash(answer_hash());
    return Reply(context, failure);
  }
  grpc::ServerWriteReactor<tokenizer::v1::GetVocabularyResponse>* GetVocabulary(
      grpc::CallbackServerContext* context,
      const tokenizer::v1::GetVocabularyRequest* request) override {
    ++vocabulary_fetches;
    return new ScriptReactor<tokenizer::v1::GetVocabularyResponse>(
        Chunks(), grpc::Status::OK, false, nullptr);
  }
  grpc::ServerUnaryReactor* GetTokenizerInfo(
      grpc::CallbackServerContext* context,
      const tokenizer::v1::GetTokenizerInfoRequest* request,
      tokenizer::v1::GetTokenizerInfoResponse* response) override {
    response->set_model("tiny");
    response->set_vocabulary_size(vocabulary->size());
    response->set_vocabulary_hash(vocabulary->hash());
    response->set_has_chat_template(true);
    response->set_answer_format(answer_format);
    for (const std::string& feature : features) response->add_features(feature);
    return Reply(context, grpc::Status::OK);
  }

  std::shared_ptr<const Vocabulary> vocabulary = ByteVocabulary();
  std::string answer_format;  // of GetTokenizerInfo, as are these
  std::vector<std::string> features;
  bool corrupt = false;  // one byte of the vocabulary goes wrong
  grpc::Status failure;  // of Tokenize and RenderChat
  std::atomic<bool> other_hash = false;  // in their answers
  std::atomic<int> vocabulary_fetches = 0;

  tokenizer::v1::RenderChatRequest last_chat() const {
    absl::MutexLock lock(&mutex_);
    return last_chat_;
  }

 private:
  mutable absl::Mutex mutex_;
  tokenizer::v1::RenderChatRequest last_chat_ ABSL_GUARDED_BY(mutex_);

  static grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context,
                                         const grpc::Status& status) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }
  std::string answer_hash() const {
    return other_hash ? "another" : vocabulary->hash();
  }
  std::vector<tokenizer::v1::GetVocabularyResponse> Chunks() const {
    std::vector<tokenizer::v1::GetVocabularyResponse> chunks;
    for (int32_t id = 0; id < vocabulary->size(); ++id) {
      if (id % 100 == 0) {
        auto& chunk = chunks.emplace_back();
        chunk.set_first_id(id);
        chunk.set_size(vocabulary->size());
        chunk.set_vocabulary_hash(vocabulary->hash());
      }
      auto* entry = chunks.back().add_entries();
      entry->set_bytes(std::string(vocabulary->bytes(id)));
      entry->set_special(vocabulary->special(id));
      if (corrupt && id == 7) entry->set_bytes("x");
    }
    return chunks;
  }
};

// Answers every request with the same script.
class FakeGeneratorService final
    : public generator::v1::GeneratorService::CallbackService {
 public:
  using Response = generator::v1::GenerateResponse;

  grpc::ServerWriteReactor<Response>* Generate(
      grpc::CallbackServerContext* context,
      const generator::v1::GenerateRequest* request) override {
    ++requests;
    {
      absl::MutexLock lock(&mutex_);
      last_request_ = *request;
    }
    return new ScriptReactor<Response>(script, status, hang, &cancels);
  }
  grpc::ServerUnaryReactor* GetModelInfo(
      grpc::CallbackServerContext* context,
      const generator::v1::GetModelInfoRequest* request,
      generator::v1::GetModelInfoResponse* response) override {
    response->set_model(model);
    response->set_context_length(100);
    response->set_vocabulary_size(300);
    response->set_vocabulary_hash(vocabulary_hash);
    response->add_features("resume");
    response->mutable_default_params()->set_top_k(20);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  generator::v1::GenerateRequest last_request() const {
    absl::MutexLock lock(&mutex_);
    return last_request_;
  }

  std::string model = "tiny";
  std::string vocabulary_hash = ByteVocabulary()->hash();
  std::vector<Response> script;
  grpc::Status status;
  bool hang = false;
  std::atomic<int> cancels = 0;
  std::atomic<int> requests = 0;

 private:
  mutable absl::Mutex mutex_;
  generator::v1::GenerateRequest last_request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
