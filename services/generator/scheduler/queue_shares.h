#pragma once

// Who waits for a first step, and so how many go before a newcomer.

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "services/generator/scheduler/sequence.h"
#include "services/generator/scheduler/tenant_ledger.h"

namespace sluice::generator {

inline constexpr int32_t kPriorityClasses = 3;

// Threads: any; holds no reference to requests, but to their accounts.
class QueueShares {
 public:
  using Requests = std::map<Ticket, std::unique_ptr<LiveRequest>>;
  using ByClass = std::array<int32_t, kPriorityClasses>;

  explicit QueueShares(const Requests& requests);

  // Queued requests, and their cost.
  int32_t requests() const { return requests_; }
  int64_t tokens() const { return tokens_; }

  // Of these, the ones that get their first step before a newcomer of that
  // class does, whoever comes later. `account` is null for a tenant that has
  // none.
  int32_t Ahead(const TenantLedger::Account* account,
                int32_t priority_class) const;

  // That tenant's own, of the class and those before it.
  int32_t Own(const TenantLedger::Account* account,
              int32_t priority_class) const;

  // Tenants with queued requests: account to requests by class.
  const std::map<const TenantLedger::Account*, ByClass>& tenants() const {
    return tenants_;
  }

 private:
  int32_t requests_ = 0;
  int64_t tokens_ = 0;
  ByClass classes_ = {};
  std::map<const TenantLedger::Account*, ByClass> tenants_;
};

}  // namespace sluice::generator
