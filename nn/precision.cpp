// The names of the precisions.
#include "nn/precision.h"

#include "core/error.h"

namespace moco {

std::string_view name_of(Precision precision) {
    switch (precision) {
        case Precision::f32:
            return "f32";
        case Precision::tf32:
            return "tf32";
        case Precision::bf16:
            return "bf16";
    }
    return "";
}

Precision precision_from_name(std::string_view name) {
    for (const Precision precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
        if (name == name_of(precision)) return precision;
    }
    fail("--precision {}: expected one of f32, tf32, bf16", name);
}

}  // namespace moco
