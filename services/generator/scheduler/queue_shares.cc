#include "services/generator/scheduler/queue_shares.h"

#include <algorithm>
#include <numeric>

namespace sluice::generator {

QueueShares::QueueShares(const Requests& requests) {
  for (const auto& [ticket, live] : requests) {
    if (live->started) continue;
    ++requests_;
    tokens_ += live->request.cost_tokens();
    ++classes_[live->aged_class];
    ++tenants_[live->account][live->aged_class];
  }
}

int32_t QueueShares::Ahead(const TenantLedger::Account* account,
                           int32_t priority_class) const {
  const auto own = tenants_.find(account);
  const int32_t own_count =
      own == tenants_.end() ? 0 : own->second[priority_class];
  int32_t ahead =
      std::accumulate(classes_.begin(), classes_.begin() + priority_class, 0) +
      own_count;
  // Tenants take turns: by the time that its own are through, each other had
  // about as many, and one more who was served less until now.
  for (const auto& [other, counts] : tenants_) {
    if (other == account) continue;
    const bool behind = account != nullptr && other->served < account->served;
    ahead += std::min(counts[priority_class], own_count + (behind ? 1 : 0));
  }
  return ahead;
}

int32_t QueueShares::Own(const TenantLedger::Account* account,
                         int32_t priority_class) const {
  const auto own = tenants_.find(account);
  if (own == tenants_.end()) return 0;
  return std::accumulate(own->second.begin(),
                         own->second.begin() + priority_class + 1, 0);
}

}  // namespace sluice::generator
