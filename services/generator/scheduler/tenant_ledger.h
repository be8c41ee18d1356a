#pragma once

// How many tokens each tenant was served, so that the one with the fewest goes
// next.

#include <cstdint>
#include <map>
#include <string>

#include "services/generator/scheduler/rate_meter.h"

namespace sluice::generator {

// A tenant that was away owns no claim on the time it was away: when it comes
// back it is not behind those that stayed. Its debt is remembered.
// Limits: one account for each tenant with live requests, and max_idle others.
// Threads: engine thread only.
class TenantLedger {
 public:
  struct Account {
    int64_t served = 0;  // tokens; only comparable between accounts
    int32_t requests = 0;
    FadingRate starts;  // of its requests, while some of them wait
  };

  // REQUIRES: max_idle >= 0.
  explicit TenantLedger(int32_t max_idle) : max_idle_(max_idle) {}

  // One more live request of the tenant. The account stays where it is until
  // as many Leave calls.
  Account& Enter(const std::string& tenant);
  // REQUIRES: a live request of the tenant.
  void Leave(const std::string& tenant);

  // Null for a tenant that nothing is known of.
  const Account* Find(const std::string& tenant) const;

  int32_t size() const { return static_cast<int32_t>(accounts_.size()); }

 private:
  using Accounts = std::map<std::string, Account>;

  void RaiseFloor();
  void DropIdle();

  const int32_t max_idle_;
  Accounts accounts_;
  // What the least served tenant with live requests had; it never falls.
  int64_t floor_ = 0;
};

}  // namespace sluice::generator
