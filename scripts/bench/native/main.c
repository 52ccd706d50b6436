/* Load generator of the benchmarks: unary, pipe, watch or sse, then name=value options. Results are JSON lines. */
#include <stdio.h>
#include <string.h>

#include "modes.h"
#include "options.h"

int main(int count, char **words) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *mode = count > 1 ? words[1] : "";
  options_set(count - 2 > 0 ? count - 2 : 0, words + 2);
  if (strcmp(mode, "unary") == 0) return unary_main();
  if (strcmp(mode, "pipe") == 0) return pipe_main();
  if (strcmp(mode, "watch") == 0) return watch_main();
  if (strcmp(mode, "sse") == 0) return sse_main();
  fprintf(stderr, "Cannot start: the mode is one of unary, pipe, watch, sse\n");
  return 2;
}
