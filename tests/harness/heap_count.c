/* Preloaded into a process: keeps the bytes of heap that are in use, to the
 * byte, in the file $HEAP_COUNT_DIR/<pid> (one int64). What the process holds
 * resident cannot tell a leak from free memory that the allocator keeps. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* old, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void* memory);

static _Atomic int64_t early_bytes;  /* until the file is mapped */
static _Atomic(_Atomic int64_t*) mapped_bytes;

static void add(int64_t bytes) {
  _Atomic int64_t* counter = atomic_load_explicit(&mapped_bytes,
                                                  memory_order_acquire);
  atomic_fetch_add_explicit(counter ? counter : &early_bytes, bytes,
                            memory_order_relaxed);
}

static void* taken(void* memory) {
  if (memory) add((int64_t)malloc_usable_size(memory));
  return memory;
}

__attribute__((constructor)) static void open_file(void) {
  const char* directory = getenv("HEAP_COUNT_DIR");
  char path[4096];
  if (!directory) return;
  snprintf(path, sizeof(path), "%s/%d", directory, (int)getpid());
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(int64_t)) != 0) return;
  void* page = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                    fd, 0);
  close(fd);
  if (page == MAP_FAILED) return;
  atomic_store((_Atomic int64_t*)page, atomic_load(&early_bytes));
  atomic_store_explicit(&mapped_bytes, (_Atomic int64_t*)page,
                        memory_order_release);
}

void* malloc(size_t size) { return taken(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) {
  return taken(__libc_calloc(count, size));
}
void* memalign(size_t alignment, size_t size) {
  return taken(__libc_memalign(alignment, size));
}
void* aligned_alloc(size_t alignment, size_t size) {
  return taken(__libc_memalign(alignment, size));
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  void* memory = taken(__libc_memalign(alignment, size));
  if (!memory) return ENOMEM;
  *out = memory;
  return 0;
}
void* realloc(void* old, size_t size) {
  const int64_t before = old ? (int64_t)malloc_usable_size(old) : 0;
  void* memory = __libc_realloc(old, size);
  if (memory || size == 0) add(-before);
  return taken(memory);
}
void free(void* memory) {
  if (!memory) return;
  add(-(int64_t)malloc_usable_size(memory));
  __libc_free(memory);
}
