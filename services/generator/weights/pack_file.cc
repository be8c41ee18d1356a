#include "services/generator/weights/pack_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "services/generator/weights/checksum.h"

namespace sluice::generator {
namespace {

constexpr char kMagic[] = "SLUICEPK";
constexpr int64_t kPage = 4096;
constexpr int64_t kHashBytes = 64;

// What a file begins with; key, hash and checksums of the chunks follow.
struct Fixed {
  char magic[8];
  uint32_t version;
  uint32_t key_bytes;
  uint64_t header_bytes;  // the payload begins there
  uint64_t payload_bytes;
  uint64_t chunk_bytes;
  uint64_t checksum;  // of the header, with zero here
};
static_assert(sizeof(Fixed) == 48);

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

int64_t ChunkCount(int64_t payload_bytes) {
  return (payload_bytes + kPackChunkBytes - 1) / kPackChunkBytes;
}

int64_t HashOffset(const std::string& key) {
  return static_cast<int64_t>(sizeof(Fixed) + key.size());
}

int64_t TableOffset(const std::string& key) {
  return RoundUp(HashOffset(key) + kHashBytes, sizeof(uint64_t));
}

int64_t HeaderBytes(const std::string& key, int64_t payload_bytes) {
  return RoundUp(TableOffset(key) + ChunkCount(payload_bytes) *
                                        static_cast<int64_t>(sizeof(uint64_t)),
                 kPage);
}

// The header with zeroes for hash and checksums.
std::vector<uint8_t> MakeHeader(const std::string& key, int64_t payload_bytes) {
  Fixed fixed = {};
  std::memcpy(fixed.magic, kMagic, sizeof(fixed.magic));
  fixed.version = kPackVersion;
  fixed.key_bytes = static_cast<uint32_t>(key.size());
  fixed.header_bytes = static_cast<uint64_t>(HeaderBytes(key, payload_bytes));
  fixed.payload_bytes = static_cast<uint64_t>(payload_bytes);
  fixed.chunk_bytes = kPackChunkBytes;
  std::vector<uint8_t> header(fixed.header_bytes);
  std::memcpy(header.data(), &fixed, sizeof(fixed));
  std::memcpy(header.data() + sizeof(fixed), key.data(), key.size());
  return header;
}

// With its own checksum.
void Seal(std::vector<uint8_t>& header) {
  const uint64_t checksum = Checksum(header);
  std::memcpy(header.data() + offsetof(Fixed, checksum), &checksum,
              sizeof(checksum));
}

absl::Status Distrust(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

// 0, or the errno; a file that ends early is EIO.
int PreadAll(int fd, uint8_t* to, int64_t count, int64_t offset) {
  while (count > 0) {
    const ssize_t got = pread(fd, to, static_cast<size_t>(count), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : EIO;
    to += got;
    count -= got;
    offset += got;
  }
  return 0;
}

int PwriteAll(int fd, const uint8_t* from, int64_t count, int64_t offset) {
  while (count > 0) {
    const ssize_t put = pwrite(fd, from, static_cast<size_t>(count), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    from += put;
    count -= put;
    offset += put;
  }
  return 0;
}

// Room for the whole file before the first byte of it is written.
absl::Status Reserve(int fd, const std::string& path, int64_t bytes) {
  // A write past this limit would kill the process.
  rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < static_cast<rlim_t>(bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": larger than files may be, got ", bytes,
                     " bytes, limit ", limit.rlim_cur));
  }
  if (fallocate(fd, 0, 0, bytes) == 0) return absl::OkStatus();
  // Not every file system can; writing tells then.
  if (errno == EOPNOTSUPP || errno == ENOSYS) return absl::OkStatus();
  return FileError(path, "cannot be written", errno);
}

struct Chunk {
  int64_t begin = 0;  // in the payload
  int64_t bytes = 0;
};

Chunk ChunkAt(int64_t index, size_t payload_bytes) {
  const int64_t begin = index * kPackChunkBytes;
  return {begin, std::min(kPackChunkBytes,
                          static_cast<int64_t>(payload_bytes) - begin)};
}

// Keeps the first trouble of any thread: a chunk that is wrong, or an errno.
class Trouble {
 public:
  void Wrong(int64_t chunk) { Keep(wrong_, chunk); }
  void Failed(int error_number) { Keep(error_number_, error_number); }
  bool any() const { return wrong_.load() >= 0 || error_number_.load() >= 0; }
  int64_t wrong() const { return wrong_.load(); }
  int64_t error_number() const { return error_number_.load(); }

 private:
  static void Keep(std::atomic<int64_t>& slot, int64_t value) {
    int64_t none = -1;
    slot.compare_exchange_strong(none, value);
  }

  std::atomic<int64_t> wrong_{-1};
  std::atomic<int64_t> error_number_{-1};
};

// The header of a file, compared with the one that it must have.
absl::StatusOr<std::vector<uint8_t>> ReadHeader(int fd, const std::string& path,
                                                const std::string& key,
                                                int64_t payload_bytes) {
  struct stat file = {};
  if (fstat(fd, &file) != 0) return FileError(path, "cannot be read", errno);
  const int64_t expected = PackFileBytes(key, payload_bytes);
  if (file.st_size != expected) {
    return Distrust(path, absl::StrCat("wrong size, got ", file.st_size,
                                       ", limit ", expected));
  }
  std::vector<uint8_t> header(
      static_cast<size_t>(HeaderBytes(key, payload_bytes)));
  const int error_number =
      PreadAll(fd, header.data(), static_cast<int64_t>(header.size()), 0);
  if (error_number != 0) return FileError(path, "cannot be read", error_number);
  Fixed fixed;
  std::memcpy(&fixed, header.data(), sizeof(fixed));
  if (std::memcmp(fixed.magic, kMagic, sizeof(fixed.magic)) != 0) {
    return Distrust(path, "no file of packed weights");
  }
  if (fixed.version != kPackVersion) {
    return Distrust(path, absl::StrCat("wrong version, got ", fixed.version,
                                       ", limit ", kPackVersion));
  }
  std::vector<uint8_t> unsealed = header;
  std::memset(unsealed.data() + offsetof(Fixed, checksum), 0,
              sizeof(fixed.checksum));
  if (Checksum(unsealed) != fixed.checksum) {
    return Distrust(path, "the checksum of the header differs");
  }
  const std::vector<uint8_t> wanted = MakeHeader(key, payload_bytes);
  if (std::memcmp(unsealed.data(), wanted.data(),
                  static_cast<size_t>(HashOffset(key))) != 0) {
    return Distrust(path, "made from other files or for other formats");
  }
  return header;
}

}  // namespace

int64_t PackFileBytes(const std::string& key, int64_t payload_bytes) {
  return HeaderBytes(key, payload_bytes) + payload_bytes;
}

absl::Status WritePackFile(int fd, const std::string& path,
                           const std::string& key, const std::string& hash,
                           absl::Span<const uint8_t> payload,
                           kernels::ThreadPool& pool) {
  SLUICE_CHECK(static_cast<int64_t>(hash.size()) == kHashBytes,
               "the hash of a model has another length");
  const int64_t payload_bytes = static_cast<int64_t>(payload.size());
  RETURN_IF_ERROR(Reserve(fd, path, PackFileBytes(key, payload_bytes)));
  std::vector<uint8_t> header = MakeHeader(key, payload_bytes);
  std::memcpy(header.data() + HashOffset(key), hash.data(), hash.size());
  uint8_t* table = header.data() + TableOffset(key);
  const int64_t start = static_cast<int64_t>(header.size());
  Trouble trouble;
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(ChunkCount(payload_bytes), 1, [&](int64_t i, int64_t) {
      if (trouble.any()) return;
      const Chunk chunk = ChunkAt(i, payload.size());
      const uint64_t sum = Checksum(payload.subspan(chunk.begin, chunk.bytes));
      std::memcpy(table + i * sizeof(sum), &sum, sizeof(sum));
      const int error_number = PwriteAll(fd, payload.data() + chunk.begin,
                                         chunk.bytes, start + chunk.begin);
      if (error_number != 0) trouble.Failed(error_number);
    });
  });
  int error_number =
      static_cast<int>(std::max<int64_t>(trouble.error_number(), 0));
  Seal(header);
  if (error_number == 0) error_number = PwriteAll(fd, header.data(), start, 0);
  if (error_number == 0 && fsync(fd) != 0) error_number = errno;
  if (error_number == 0) return absl::OkStatus();
  return FileError(path, "cannot be written", error_number);
}

absl::StatusOr<std::string> ReadPackFile(int fd, const std::string& path,
                                         const std::string& key,
                                         absl::Span<uint8_t> payload,
                                         kernels::ThreadPool& pool,
                                         const PackProgress& progress) {
  ASSIGN_OR_RETURN(
      const std::vector<uint8_t> header,
      ReadHeader(fd, path, key, static_cast<int64_t>(payload.size())));
  const uint8_t* table = header.data() + TableOffset(key);
  const int64_t start = static_cast<int64_t>(header.size());
  const int64_t count = ChunkCount(static_cast<int64_t>(payload.size()));
  // A hint: each thread reads its own chunks, the whole goes forward.
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  Trouble trouble;
  std::atomic<int64_t> done{0};
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(count, 1, [&](int64_t i, int64_t) {
      if (trouble.any()) return;
      const Chunk chunk = ChunkAt(i, payload.size());
      const int error_number = PreadAll(fd, payload.data() + chunk.begin,
                                        chunk.bytes, start + chunk.begin);
      uint64_t sum;
      std::memcpy(&sum, table + i * sizeof(sum), sizeof(sum));
      if (error_number != 0) {
        trouble.Failed(error_number);
      } else if (Checksum(payload.subspan(chunk.begin, chunk.bytes)) != sum) {
        trouble.Wrong(i);
      }
      const int64_t now = done.fetch_add(chunk.bytes) + chunk.bytes;
      if (worker.index() == 0 && progress) progress(now);
    });
  });
  if (trouble.error_number() >= 0) {
    return FileError(path, "cannot be read",
                     static_cast<int>(trouble.error_number()));
  }
  if (trouble.wrong() >= 0) {
    return Distrust(
        path, absl::StrCat("the checksum of chunk ", trouble.wrong(), " of ",
                           count, " differs"));
  }
  if (progress) progress(static_cast<int64_t>(payload.size()));
  return std::string(
      reinterpret_cast<const char*>(header.data() + HashOffset(key)),
      kHashBytes);
}

}  // namespace sluice::generator
