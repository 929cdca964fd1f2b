#include "ops/checks.h"

namespace moco {
namespace {

/// "N,H,W,C" has four letters.
int rank_of(std::string_view letters) {
    int rank = letters.empty() ? 0 : 1;
    for (const char c : letters) rank += c == ',';
    return rank;
}

void check_one(std::string_view op, const Argument& argument) {
    const Tensor& tensor = argument.tensor;
    check(tensor.defined(), "{}: {} is undefined, expected an f32 tensor", op, argument.name);
    const bool narrow = argument.accepts == Accepts::f32_or_bf16;
    check(tensor.dtype() == DType::f32 || (narrow && tensor.dtype() == DType::bf16), "{}: {} is {}, expected {}", op,
          argument.name, tensor.dtype(), narrow ? "f32 or bf16" : "f32");
    check(argument.letters.empty() || tensor.shape().rank() == rank_of(argument.letters),
          "{}: {} has {} dimensions, expected {} ({}; {} is {})", op, argument.name, tensor.shape().rank(),
          rank_of(argument.letters), argument.letters, argument.name, tensor.shape());
    check(tensor.count() > 0, "{}: {} is empty ({})", op, argument.name, argument);
}

void check_backend(std::string_view op, std::string_view name, const Tensor& tensor, std::string_view first_name,
                   const Tensor& first) {
    check(&tensor.backend() == &first.backend(), "{}: {} is on {}, {} on {}; copy one so that both are on one device",
          op, name, tensor.backend().name(), first_name, first.backend().name());
}

}  // namespace

void check_arguments(std::string_view op, std::initializer_list<Argument> arguments) {
    const Argument& first = *arguments.begin();
    for (const Argument& argument : arguments) {
        check_one(op, argument);
        check_backend(op, argument.name, argument.tensor, first.name, first.tensor);
    }
}

void check_index(std::string_view op, const Argument& index, const Argument& x) {
    const Tensor& tensor = index.tensor;
    check(tensor.defined(), "{}: {} is undefined, expected an i64 tensor", op, index.name);
    check(tensor.dtype() == DType::i64, "{}: {} is {}, expected i64", op, index.name, tensor.dtype());
    check(tensor.shape().rank() == 1, "{}: {} has {} dimensions, expected 1 ({} is {})", op, index.name,
          tensor.shape().rank(), index.name, tensor.shape());
    check(tensor.count() > 0, "{}: {} is empty", op, index.name);
    check_backend(op, index.name, tensor, x.name, x.tensor);
}

void check_alike(std::string_view op, const Argument& a, const Argument& b) {
    check(a.tensor.dtype() == b.tensor.dtype(), "{}: {} is {}, {} is {}; cast one so that both have one type", op,
          a.name, a.tensor.dtype(), b.name, b.tensor.dtype());
    check(a.tensor.shape() == b.tensor.shape(), "{}: {} and {} must have the same shape ({}; {})", op, a.name, b.name,
          a, b);
}

std::string to_string(const Argument& argument) {
    return argument.letters.empty() ? fmt::format("{} {}", argument.name, argument.tensor.shape())
                                    : fmt::format("{} {} {}", argument.name, argument.tensor.shape(), argument.letters);
}

}  // namespace moco
