#include "moco/step_result.h"

#include "ops/add.h"

namespace moco {
namespace {

Tensor plus(const Tensor& a, const Tensor& b) {
    return a.defined() ? add(a, b) : b;
}

}  // namespace

Loss sum(const Loss& a, const Loss& b) {
    return {plus(a.value, b.value), plus(a.correct, b.correct)};
}

void StepResult::add(const Loss& part) {
    const Loss all = sum({loss, correct}, {part.value.detached(), part.correct});
    loss = all.value;
    correct = all.correct;
}

}  // namespace moco
