// Oracles: published digests, RFC 3629's ranges, JSON's grammar.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/base/json_quote.h"
#include "common/base/listen_address.h"
#include "common/base/random.h"
#include "common/base/sha256.h"
#include "common/base/utf8.h"

namespace sluice {
namespace {

std::string Encode(uint32_t point) {
  std::string out;
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (point >> 6)));
    out.push_back(static_cast<char>(0x80 | (point & 63)));
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (point >> 12)));
    out.push_back(static_cast<char>(0x80 | ((point >> 6) & 63)));
    out.push_back(static_cast<char>(0x80 | (point & 63)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (point >> 18)));
    out.push_back(static_cast<char>(0x80 | ((point >> 12) & 63)));
    out.push_back(static_cast<char>(0x80 | ((point >> 6) & 63)));
    out.push_back(static_cast<char>(0x80 | (point & 63)));
  }
  return out;
}

TEST(Utf8, AcceptsEveryCodePointButSurrogates) {
  for (uint32_t point = 0; point < 0x110000; ++point) {
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    ASSERT_EQ(IsValidUtf8(Encode(point)), !surrogate) << point;
  }
}

// Of all strings of two or three bytes exactly those are valid that are made of
// the encodings above, counted independently.
TEST(Utf8, AcceptsNoOtherTwoByteStrings) {
  int valid = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char bytes[] = {static_cast<char>(a), static_cast<char>(b)};
      valid += IsValidUtf8({bytes, 2});
    }
  }
  EXPECT_EQ(valid, 128 * 128 + (0x800 - 0x80));
}

TEST(Utf8, AcceptsNoOtherThreeByteStrings) {
  int64_t valid = 0;
  for (int i = 0; i < 1 << 24; ++i) {
    const char bytes[] = {static_cast<char>(i >> 16), static_cast<char>(i >> 8),
                          static_cast<char>(i)};
    valid += IsValidUtf8({bytes, 3});
  }
  const int64_t two = 0x800 - 0x80;
  const int64_t three = 0x10000 - 0x800 - 0x800;
  EXPECT_EQ(valid, 128 * 128 * 128 + 2 * 128 * two + three);
}

TEST(Utf8, SaysWhereTheFirstBadByteIs) {
  EXPECT_EQ(InvalidUtf8Offset("ab\xC3\xA9\xFFz"), 4u);
  EXPECT_EQ(InvalidUtf8Offset("ab\xE4\xBD"), 2u);        // cut short
  EXPECT_EQ(InvalidUtf8Offset("\xF4\x90\x80\x80"), 0u);  // U+110000
  EXPECT_EQ(InvalidUtf8Offset("\xF0\x8F\xBF\xBF"), 0u);  // overlong
  EXPECT_EQ(InvalidUtf8Offset(""), std::nullopt);
}

TEST(Sha256, MatchesThePublishedDigests) {
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveTheDigestOfTheWholeAndTheObjectStartsAgain) {
  Sha256 sha;
  for (const char* piece : {"a", "", "bc"}) sha.Update(piece);
  EXPECT_EQ(sha.FinishHex(), Sha256Hex("abc"));
  sha.Update("abc");
  EXPECT_EQ(sha.FinishHex(), Sha256Hex("abc"));
}

TEST(JsonQuote, EscapesWhatJsonForbidsAndReplacesInvalidBytes) {
  EXPECT_EQ(JsonQuote("a\"b\\c\n\t\x01\x7F"),
            "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
  EXPECT_EQ(JsonQuote("\xE4\xBD\xA0\xFF!"), "\"\xE4\xBD\xA0\xEF\xBF\xBD!\"");
  EXPECT_EQ(JsonQuote(std::string_view("\0", 1)), "\"\\u0000\"");
}

TEST(ListenAddress, ParsesHostsOfEveryKind) {
  const auto v4 = ParseListenAddress("f", "127.0.0.1:0");
  ASSERT_TRUE(v4.ok()) << v4.status();
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 0);
  EXPECT_TRUE(v4->loopback());
  const auto v6 = ParseListenAddress("f", "[::1]:65535");
  ASSERT_TRUE(v6.ok()) << v6.status();
  EXPECT_EQ(v6->ToString(), "[::1]:65535");
  EXPECT_TRUE(v6->loopback());
  EXPECT_FALSE(ParseListenAddress("f", "0.0.0.0:80")->loopback());
}

TEST(ListenAddress, RefusesByNameWhatIsNoAddress) {
  for (const char* bad :
       {"", "127.0.0.1", ":80", "a:65536", "a:-1", "a:8 0", "::1:80", "[::1]80",
        "[::1", "a:b:1", "a b:1", "a:99999999999"}) {
    const auto address = ParseListenAddress("grpc_listen", bad);
    ASSERT_FALSE(address.ok()) << bad;
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(address.status().message().substr(0, 12) == "grpc_listen:");
  }
}

TEST(ListenAddress, KnowsLoopbackHosts) {
  for (const char* name :
       {"localhost", "LOCALHOST", "127.0.0.1", "127.255.1.2", "::1", "[::1]"}) {
    EXPECT_TRUE(IsLoopbackHost(name)) << name;
  }
  for (const char* name : {"", "128.0.0.1", "127.0.0.1.example.com",
                           "localhost.example.com", "::2", "[", "0.0.0.0"}) {
    EXPECT_FALSE(IsLoopbackHost(name)) << name;
  }
}

TEST(ListenAddress, TakesTheHostOutOfAnAuthority) {
  EXPECT_EQ(*HostOfAuthority("localhost:8080"), "localhost");
  EXPECT_EQ(*HostOfAuthority("[::1]"), "::1");
  EXPECT_EQ(*HostOfAuthority("a.example"), "a.example");
  for (const char* bad : {"", "a:b", "a/b", "user@a", "a:1:2", "a b"}) {
    EXPECT_FALSE(HostOfAuthority(bad).ok()) << bad;
  }
}

TEST(Random, SeededNumbersAreThePublishedSplitMix64Sequence) {
  SeededRandom random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
}

TEST(Random, SystemIdsAreHexAndDiffer) {
  SystemRandom random;
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = DrawId(random);
    EXPECT_EQ(id.size(), 32u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

}  // namespace
}  // namespace sluice
