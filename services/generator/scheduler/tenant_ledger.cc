#include "services/generator/scheduler/tenant_ledger.h"

#include <algorithm>
#include <limits>

#include "common/base/check.h"

namespace sluice::generator {

TenantLedger::Account& TenantLedger::Enter(const std::string& tenant) {
  RaiseFloor();
  Account& account = accounts_[tenant];
  if (account.requests++ == 0) {
    account.served = std::max(account.served, floor_);
  }
  return account;
}

void TenantLedger::Leave(const std::string& tenant) {
  RaiseFloor();
  const auto found = accounts_.find(tenant);
  SLUICE_CHECK(found != accounts_.end() && found->second.requests > 0,
               "a tenant leaves as often as it entered");
  if (--found->second.requests == 0) DropIdle();
}

const TenantLedger::Account* TenantLedger::Find(
    const std::string& tenant) const {
  const auto found = accounts_.find(tenant);
  return found == accounts_.end() ? nullptr : &found->second;
}

void TenantLedger::RaiseFloor() {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const auto& [tenant, account] : accounts_) {
    if (account.requests > 0) least = std::min(least, account.served);
  }
  if (least != std::numeric_limits<int64_t>::max()) {
    floor_ = std::max(floor_, least);
  }
}

void TenantLedger::DropIdle() {
  // Who is not above the floor would enter at the floor anyway.
  std::erase_if(accounts_, [this](const auto& entry) {
    return entry.second.requests == 0 && entry.second.served <= floor_;
  });
  int32_t idle = 0;
  auto least = accounts_.end();
  for (auto it = accounts_.begin(); it != accounts_.end(); ++it) {
    if (it->second.requests > 0) continue;
    ++idle;
    if (least == accounts_.end() || it->second.served < least->second.served) {
      least = it;
    }
  }
  // One became idle, so one is enough.
  if (idle > max_idle_) accounts_.erase(least);
}

}  // namespace sluice::generator
