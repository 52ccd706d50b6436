/*
 * Records, in order, what a process asks the disk to do to the files of one directory: loaded with
 * LD_PRELOAD, it writes one record to POWER_LOSS_RECORDS for each call on a file of
 * POWER_LOSS_DIRECTORY. Shared-memory files (-shm) are left out: they are rebuilt after a restart.
 *
 * A record: u8 operation, u8 length of the name, u16 zero, u32 length of the data, u64 offset, the
 * name, the data. Little-endian. The operations:
 *   O open   W write   T truncate to offset
 *   B sync begins   E sync has ended   U unlink   R rename (data: the new name)   M mark (offset: its number)
 * The directory itself has the name ".".
 *
 * With POWER_LOSS_FAKE_SYNC set, syncs succeed without being recorded: a disk that lies.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES_MAX 4096
#define NAME_MAX_BYTES 100
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[FILES_MAX][NAME_MAX_BYTES];
static int records = -1;

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t written = REAL(write)(records, at, length);
    if (written <= 0) abort();
    at += written;
    length -= (size_t)written;
  }
}

static void record(char operation, const char *name, const void *data, uint32_t length, uint64_t offset) {
  pthread_mutex_lock(&lock);
  if (records < 0) records = REAL(open)(getenv("POWER_LOSS_RECORDS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (records < 0) abort();
  unsigned char head[16] = {(unsigned char)operation, (unsigned char)strlen(name)};
  memcpy(head + 4, &length, 4);
  memcpy(head + 8, &offset, 8);
  put(head, sizeof head);
  put(name, strlen(name));
  put(data, length);
  pthread_mutex_unlock(&lock);
}

/* Returns the name of a path inside the directory; NULL if it is elsewhere or left out. */
static const char *name_of(const char *path) {
  const char *directory = getenv("POWER_LOSS_DIRECTORY");
  if (directory == NULL || path == NULL) return NULL;
  size_t length = strlen(directory);
  if (strncmp(path, directory, length) != 0) return NULL;
  if (path[length] == 0) return ".";
  if (path[length] != '/' || strlen(path + length + 1) >= NAME_MAX_BYTES) return NULL;
  if (path[length + 1] == 0) return ".";
  return strstr(path, "-shm") == NULL ? path + length + 1 : NULL;
}

static const char *name_of_file(int fd) {
  return fd >= 0 && fd < FILES_MAX && names[fd][0] != 0 ? names[fd] : NULL;
}

static int opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FILES_MAX) return fd;
  const char *name = name_of(path);
  names[fd][0] = 0;
  if (name == NULL) return fd;
  strcpy(names[fd], name);
  record('O', name, NULL, 0, 0);
  if (flags & O_TRUNC) record('T', name, NULL, 0, 0);
  return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define DEFINE_OPEN(function)                                   \
  int function(const char *path, int flags, ...) {              \
    va_list arguments;                                          \
    va_start(arguments, flags);                                 \
    mode_t mode = mode_of(flags, arguments);                    \
    va_end(arguments);                                          \
    return opened(REAL(function)(path, flags, mode), path, flags); \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

int openat(int directory, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(REAL(openat)(directory, path, flags, mode), path, flags);
}

int close(int fd) {
  if (fd >= 0 && fd < FILES_MAX) names[fd][0] = 0;
  return REAL(close)(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  ssize_t written = REAL(pwrite64)(fd, bytes, length, offset);
  const char *name = name_of_file(fd);
  if (name != NULL && written > 0) record('W', name, bytes, (uint32_t)written, (uint64_t)offset);
  return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  /* SQLite writes at positions only; anything else would be missing from the records. */
  if (name_of_file(fd) != NULL) abort();
  return REAL(write)(fd, bytes, length);
}

#define DEFINE_TRUNCATE(function, type)                                            \
  int function(int fd, type length) {                                              \
    int result = REAL(function)(fd, length);                                       \
    const char *name = name_of_file(fd);                                           \
    if (name != NULL && result == 0) record('T', name, NULL, 0, (uint64_t)length); \
    return result;                                                                 \
  }
DEFINE_TRUNCATE(ftruncate, off_t)
DEFINE_TRUNCATE(ftruncate64, off64_t)

/* The disk is not asked to sync: what it would have kept is worked out from the records. */
static int synced(int fd, int (*real)(int)) {
  const char *name = name_of_file(fd);
  if (name == NULL) return real(fd);
  if (getenv("POWER_LOSS_FAKE_SYNC") != NULL) return 0;
  record('B', name, NULL, 0, 0);
  record('E', name, NULL, 0, 0);
  return 0;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int unlink(const char *path) {
  int result = REAL(unlink)(path);
  const char *name = name_of(path);
  if (name != NULL && result == 0) record('U', name, NULL, 0, 0);
  return result;
}

int rename(const char *from, const char *to) {
  int result = REAL(rename)(from, to);
  const char *name = name_of(from);
  const char *new_name = name_of(to);
  if (name != NULL && new_name != NULL && result == 0) {
    record('R', name, new_name, (uint32_t)strlen(new_name), 0);
  }
  return result;
}

/* Called by the recorded process: everything up to here has been promised to someone. */
void power_loss_mark(uint32_t number) { record('M', "", NULL, 0, number); }
