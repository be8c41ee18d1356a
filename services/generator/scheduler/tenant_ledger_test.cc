#include "services/generator/scheduler/tenant_ledger.h"

#include <string>

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

TEST(TenantLedgerTest, NewcomerStartsBesideTheLeastServed) {
  TenantLedger ledger(10);
  ledger.Enter("a").served += 100;
  EXPECT_EQ(ledger.Enter("b").served, 100);
  ledger.Enter("a").served += 70;
  EXPECT_EQ(ledger.Enter("c").served, 100);
}

TEST(TenantLedgerTest, TenantThatWasAwayKeepsItsDebtAndSavesNoCredit) {
  TenantLedger ledger(10);
  TenantLedger::Account& stays = ledger.Enter("stays");
  ledger.Enter("greedy").served += 500;
  ledger.Leave("greedy");
  ledger.Enter("modest");
  ledger.Leave("modest");
  stays.served += 50;
  EXPECT_EQ(ledger.Enter("greedy").served, 500);
  EXPECT_EQ(ledger.Enter("modest").served, 50);
}

TEST(TenantLedgerTest, AccountsAreForgottenOnceTheyMeanNothing) {
  TenantLedger ledger(10);
  TenantLedger::Account& stays = ledger.Enter("stays");
  for (int i = 0; i < 100; ++i) {
    const std::string tenant = std::to_string(i);
    ledger.Enter(tenant).served += 10;
    stays.served += 10;
    ledger.Leave(tenant);
  }
  EXPECT_LE(ledger.size(), 2);
  ledger.Leave("stays");
  EXPECT_EQ(ledger.size(), 0);
}

TEST(TenantLedgerTest, IdleAccountsAreBounded) {
  TenantLedger ledger(3);
  ledger.Enter("stays");
  for (int i = 0; i < 100; ++i) {
    const std::string tenant = std::to_string(i);
    ledger.Enter(tenant).served += 10 + i;
    ledger.Leave(tenant);
    EXPECT_LE(ledger.size(), 1 + 3);
  }
  // The largest debts are those worth remembering.
  EXPECT_EQ(ledger.Enter("99").served, 109);
  EXPECT_EQ(ledger.Enter("5").served, 0);
}

TEST(TenantLedgerTest, RequestsOfATenantShareItsAccount) {
  TenantLedger ledger(0);
  TenantLedger::Account& first = ledger.Enter("a");
  TenantLedger::Account& second = ledger.Enter("a");
  EXPECT_EQ(&first, &second);
  first.served += 5;
  ledger.Leave("a");
  EXPECT_EQ(second.served, 5);
  EXPECT_EQ(second.requests, 1);
}

}  // namespace
}  // namespace sluice::generator
