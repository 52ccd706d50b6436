#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int words_count;
static char **words;

void options_set(int count, char **given) {
  words_count = count;
  words = given;
}

const char *option(const char *name, int n) {
  size_t length = strlen(name);
  for (int i = 0; i < words_count; i++) {
    if (strncmp(words[i], name, length) == 0 && words[i][length] == '=' && n-- == 0) return words[i] + length + 1;
  }
  return NULL;
}

long option_number(const char *name, long otherwise) {
  const char *text = option(name, 0);
  return text ? atol(text) : otherwise;
}

blob option_file(const char *name, int n) {
  const char *path = option(name, n);
  if (!path) {
    fprintf(stderr, "Cannot start: option %s is missing\n", name);
    exit(2);
  }
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  blob content = {NULL, (size_t)ftell(file)};
  rewind(file);
  content.bytes = malloc(content.length + 1);
  if (!content.bytes || fread(content.bytes, 1, content.length, file) != content.length) fail(path);
  fclose(file);
  return content;
}

void fail(const char *action) {
  perror(action);
  exit(2);
}

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
