#include "services/gateway/access/tenant_header.h"

#include <gtest/gtest.h>

namespace sluice::gateway {
namespace {

constexpr std::string_view kHeader = "x-sluice-tenant";

TEST(TenantHeader, NamesTheTenantThatTheProxySet) {
  const auto tenant = TenantOf(kHeader, {"acme:42"});
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  EXPECT_EQ(*tenant, "acme:42");
  EXPECT_TRUE(TenantOf(kHeader, {std::string(128, 'x')}).ok());
}

TEST(TenantHeader, NobodyIsNoTenant) {
  EXPECT_EQ(TenantOf(kHeader, {}).status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST(TenantHeader, TwoNamesAreRefusedBecauseOneMayBeTheClients) {
  EXPECT_EQ(TenantOf(kHeader, {"acme", "evil"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TenantOf(kHeader, {"acme", "acme"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TenantHeader, WhatIsNoNameIsRefused) {
  const std::string long_name(129, 'x');
  for (const std::string_view name :
       {std::string_view(""), std::string_view("a b"), std::string_view("a\n"),
        std::string_view("\xc3\xa4"), std::string_view(long_name)}) {
    EXPECT_EQ(TenantOf(kHeader, {name}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

TEST(TenantHeader, HeaderNamesAreThoseOfGrpcMetadata) {
  EXPECT_TRUE(CheckTenantHeaderName("").ok());
  EXPECT_TRUE(CheckTenantHeaderName(kHeader).ok());
  for (const std::string_view name :
       {"X-Tenant", "x tenant", "x_tenant", "grpc-tenant", "tenant-bin"}) {
    EXPECT_FALSE(CheckTenantHeaderName(name).ok()) << name;
  }
}

}  // namespace
}  // namespace sluice::gateway
