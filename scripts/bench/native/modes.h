#ifndef MODES_H
#define MODES_H

int unary_main(void);
int pipe_main(void);
int watch_main(void);
int sse_main(void);

#endif
