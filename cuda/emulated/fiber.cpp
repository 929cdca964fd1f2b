#include "cuda/emulated/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "cuda/emulated/sanitizer.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace moco::cuda::emulated {
namespace {

constexpr size_t kStackBytes = kAddressSanitizer ? 512 << 10 : 128 << 10;  // virtual; touched pages count

size_t page_bytes() {
    static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

}  // namespace

#if defined(__x86_64__)

// Saves what a called function must keep, changes stacks, and returns on the other one.
extern "C" void moco_emulated_switch(void** save, void* load);
asm(R"(
    .text
    .p2align 4
    .globl moco_emulated_switch
    .type moco_emulated_switch, @function
moco_emulated_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size moco_emulated_switch, .-moco_emulated_switch
)");

void Fiber::restart() {
    unpoison(stack_, size_);
    auto* top = reinterpret_cast<void**>(static_cast<char*>(stack_) + size_) - 2;  // a call's alignment
    *--top = nullptr;                                                              // backtraces end here
    *--top = reinterpret_cast<void*>(entry_);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    registers_ = top;
    fake_stack_ = nullptr;
}

static void change_stacks(void** from, void* to) {
    moco_emulated_switch(from, to);
}

static void forget_registers(void*) {}

#else

void Fiber::restart() {
    unpoison(stack_, size_);
    if (!registers_) registers_ = new ucontext_t;
    auto* context = static_cast<ucontext_t*>(registers_);
    getcontext(context);
    context->uc_stack.ss_sp = stack_;
    context->uc_stack.ss_size = size_;
    context->uc_link = nullptr;
    makecontext(context, entry_, 0);
    fake_stack_ = nullptr;
}

static void change_stacks(void** from, void* to) {
    if (!*from) *from = new ucontext_t;
    swapcontext(static_cast<ucontext_t*>(*from), static_cast<ucontext_t*>(to));
}

static void forget_registers(void* registers) {
    delete static_cast<ucontext_t*>(registers);
}

#endif

Fiber::Fiber(void (*entry)()) : entry_(entry), size_(kStackBytes) {
    const size_t guard = page_bytes();
    void* memory = mmap(nullptr, size_ + 2 * guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "the emulated device has no memory for the stack of one more thread");
    mprotect(memory, guard, PROT_NONE);
    stack_ = static_cast<char*>(memory) + guard;
    mprotect(static_cast<char*>(stack_) + size_, guard, PROT_NONE);
    restart();
}

Fiber::~Fiber() {
    forget_registers(registers_);
    if (!entry_) return;  // the host thread's own stack
    unpoison(stack_, size_);
    munmap(static_cast<char*>(stack_) - page_bytes(), size_ + 2 * page_bytes());
}

namespace {

Fiber* left = nullptr;  // whom the running fiber was switched to from
void** arriving_fake_stack = nullptr;

}  // namespace

void switch_fiber(Fiber& from, Fiber& to) {
    left = &from;
    arriving_fake_stack = &to.fake_stack_;
    start_switch(&from.fake_stack_, to.stack_, to.size_);
    change_stacks(&from.registers_, to.registers_);
    Fiber::arrived();
}

void Fiber::arrived() {
    const void* stack = nullptr;
    size_t size = 0;
    finish_switch(*arriving_fake_stack, &stack, &size);
    if (!left->stack_) {  // the host thread's own: now its stack is known
        left->stack_ = const_cast<void*>(stack);
        left->size_ = size;
    }
}

}  // namespace moco::cuda::emulated
