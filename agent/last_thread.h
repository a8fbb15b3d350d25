/* Programs whose main thread ends before its other threads (pthread_exit in main).
 *
 * libc ends such a process with the last of its threads, and counts ours. And that last thread runs the exit handlers
 * and flushes stdio: it must not be the worker, whose descriptor table is its own and empty. So as the main thread
 * ends, a keeper thread with the program's table is started; when it finds itself alone it does what libc's last thread
 * does: exit(0).
 */
#ifndef OI_AGENT_LAST_THREAD_H
#define OI_AGENT_LAST_THREAD_H

/* Watches for the end of the calling thread, which is the process's main thread. From the constructor and in forked
 * children. */
void oi_last_thread_watch(void);

/* A worker has just been started: if the main thread is gone already, the keeper is needed now. */
void oi_last_thread_worker_started(void);

#endif
