/* limits KIND MEGABYTES: sets the limit, starts itself again under it, uses up all memory and checks
 * that refusals are refusals: null, ENOMEM, nothing lost, and memory again after frees. In C, with
 * write(2) only: nothing here may need memory of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

const char* hakmem_verify(void);

static void say(const char* text) {
  if (write(STDOUT_FILENO, text, strlen(text)) < 0) _exit(3);
}
static void fail(const char* what) {
  say("FAILED: ");
  say(what);
  say("\n");
  _exit(1);
}
static void say_number(const char* before, size_t value) {
  char digits[24], *at = digits + sizeof digits;
  *--at = 0;
  do {
    *--at = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  say(before);
  say(at);
}

struct node {
  struct node* next;
  size_t size;
};

/* Takes blocks of one size until there are no more, then checks and frees them all. */
static size_t fill(size_t size) {
  struct node* head = NULL;
  size_t count = 0;
  errno = 0;
  for (struct node* fresh; (fresh = malloc(size)) != NULL; ++count) {
    fresh->next = head;
    fresh->size = size;
    memset(fresh + 1, (int)(count & 0x7f), size - sizeof *fresh < 64 ? size - sizeof *fresh : 64);
    head = fresh;
  }
  if (errno != ENOMEM) fail("errno is not ENOMEM");
  if (calloc(size, 1) != NULL || errno != ENOMEM) fail("calloc after exhaustion");
  if (head && realloc(head, size * 1000 + (1 << 20)) != NULL) fail("realloc after exhaustion");
  for (size_t left = count; left; --left) {
    struct node* next = head->next;
    if (head->size != size) fail("a block was overwritten");
    free(head);
    head = next;
  }
  if (head) fail("a block was lost");
  if (count) {
    void* again = malloc(size);
    if (!again) fail("no memory after everything was freed");
    free(again);
  }
  return count;
}

static int child(void) {
  size_t total = 0;
  for (int round = 0; round < 2; ++round) {
    for (size_t size = 64; size <= (size_t)4 << 20; size *= 16) {
      const size_t count = fill(size);
      say_number(" ", count * size >> 10);
      say("K");
      total += count;
    }
  }
  if (hakmem_verify()) fail(hakmem_verify());
  say(total ? " ok\n" : " nothing\n");
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "child") == 0) return child();
  if (argc != 3) {
    say("usage: limits as|data MEGABYTES\n");
    return 2;
  }
  const int kind = strcmp(argv[1], "data") == 0 ? RLIMIT_DATA : RLIMIT_AS;
  const struct rlimit limit = {(rlim_t)atol(argv[2]) << 20, (rlim_t)atol(argv[2]) << 20};
  // A guard slot, which some slow exit gets, is memory that was set aside before.
  setenv("HAKMEM_GUARD_SAMPLE", "0", 1);
  if (setrlimit((__rlimit_resource_t)kind, &limit) != 0) fail("setrlimit");
  execl("/proc/self/exe", argv[0], "child", (char*)NULL);
  fail("execl");
}
