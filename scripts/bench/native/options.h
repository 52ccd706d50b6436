/* Command line of the form name=value. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *bytes;
  size_t length;
} blob;

void options_set(int count, char **words);

/* The value of the n-th word with this name, or NULL. */
const char *option(const char *name, int n);

long option_number(const char *name, long otherwise);

/* The content of the file the option names; ends the process if there is none. */
blob option_file(const char *name, int n);

/* Prints the message with errno's text and ends the process. */
_Noreturn void fail(const char *action);

uint64_t now_ns(void);

#endif
