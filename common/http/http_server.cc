#include "common/http/http_server.h"

#include <utility>  // before Asio
// The line above stays first.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/base/listen_address.h"
#include "common/base/status_macros.h"
#include "common/concurrency/named_thread.h"
#include "common/http/http_connection.h"

namespace sluice {
namespace {

namespace asio = boost::asio;
using boost::asio::ip::tcp;
using boost::system::error_code;

// Connections that are only told 503; beyond, they are closed unanswered.
constexpr int32_t kMaxRefusals = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

absl::Status CannotListen(const ListenAddress& address, error_code error) {
  return absl::UnavailableError(absl::StrCat("listen: cannot open ",
                                             address.ToString(), ", got \"",
                                             error.message(), "\""));
}

absl::StatusOr<tcp::endpoint> Resolve(asio::io_context& io,
                                      const ListenAddress& address) {
  error_code error;
  // Of the two loopback addresses the one that every client tries.
  const std::string host =
      address.host == "localhost" ? "127.0.0.1" : address.host;
  const auto ip = asio::ip::make_address(host, error);
  if (!error) return tcp::endpoint(ip, address.port);
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(host, std::to_string(address.port), error);
  if (error || found.empty()) return CannotListen(address, error);
  return found.begin()->endpoint();
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(const HttpServerOptions& options, std::vector<HttpRoute> routes)
      : state_(std::make_shared<HttpServerState>(options, std::move(routes))),
        work_(asio::make_work_guard(state_->io)),
        acceptor_(asio::make_strand(state_->io)),
        accept_pause_(acceptor_.get_executor()) {}
  ~BeastServer() override { Shutdown(0); }

  absl::Status Open() {
    ASSIGN_OR_RETURN(ListenAddress address,
                     ParseListenAddress("listen", state_->options.listen));
    ASSIGN_OR_RETURN(const tcp::endpoint endpoint,
                     Resolve(state_->io, address));
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    if (error) return CannotListen(address, error);
    address.port = acceptor_.local_endpoint(error).port();
    port_ = address.port;
    listen_ = address.ToString();
    state_->loopback_only = endpoint.address().is_loopback();
    return absl::OkStatus();
  }

  void Run() {
    asio::post(acceptor_.get_executor(), [this] { Accept(); });
    for (int32_t i = 0; i < state_->options.io_threads; ++i) {
      threads_.emplace_back(absl::StrCat("http-", i),
                            [this] { state_->io.run(); });
    }
  }

  uint16_t port() const override { return port_; }
  const std::string& listen() const override { return listen_; }
  int32_t connections() const override { return state_->count(); }

  void StopAccepting() override {
    state_->draining = true;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
      accept_pause_.cancel();
      for (const auto& connection : state_->Connections()) connection->Drain();
    });
  }

  void Shutdown(Nanos grace) override {
    if (threads_.empty()) return;
    StopAccepting();
    state_->WaitForNone(grace);
    // After the acceptor closed: no connection can come after this look.
    asio::post(acceptor_.get_executor(), [this] {
      for (const auto& connection : state_->Connections()) connection->Cut();
      work_.reset();
    });
    threads_.clear();  // joins: run() returns when nothing is left to do
  }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(state_->io),
                           [this](error_code error, tcp::socket socket) {
                             OnAccept(error, std::move(socket));
                           });
  }

  void OnAccept(error_code error, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors, most likely: give others time to end.
      accept_pause_.expires_after(kAcceptPause);
      accept_pause_.async_wait([this](error_code cancelled) {
        if (!cancelled && acceptor_.is_open()) Accept();
      });
      return;
    }
    const int32_t open = state_->count();
    const int32_t limit = state_->options.max_connections;
    if (open < limit + kMaxRefusals) {
      auto connection =
          std::make_shared<HttpConnection>(state_, std::move(socket));
      state_->Add(connection);
      connection->Start(/*refuse=*/open >= limit);
    }
    Accept();
  }

  const std::shared_ptr<HttpServerState> state_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  std::vector<NamedThread> threads_;
  uint16_t port_ = 0;
  std::string listen_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const HttpServerOptions& options, std::vector<HttpRoute> routes) {
  auto server = std::make_unique<BeastServer>(options, std::move(routes));
  RETURN_IF_ERROR(server->Open());
  server->Run();
  return server;
}

}  // namespace sluice
