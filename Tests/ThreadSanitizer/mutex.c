// Lets ThreadSanitizer see contended mutexes of Swift's module Synchronization.
//
// Mutex takes and leaves an uncontended lock by atomics that are compiled into its user, which the sanitizer follows. The
// contended path is in libswiftSynchronization.so and lets the kernel change the word: the sanitizer sees no order there,
// and reports races between threads that the lock keeps apart. A program's own symbol goes before a library's, so these
// two do the same with atomics. Source: LinuxImpl.swift of swiftlang/swift 6.3; both are part of the library's ABI.
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

SWIFT void lock_slow(uint32_t thread, SELF _Atomic(uint32_t) *word)
    __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void unlock_slow(SELF _Atomic(uint32_t) *word) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

SWIFT void lock_slow(uint32_t thread, SELF _Atomic(uint32_t) *word) {
  uint32_t none = 0;
  while (!atomic_compare_exchange_weak_explicit(word, &none, thread, memory_order_acquire, memory_order_relaxed)) {
    none = 0;
    sched_yield();
  }
}

SWIFT void unlock_slow(SELF _Atomic(uint32_t) *word) { atomic_store_explicit(word, 0, memory_order_release); }
