// Python's names that a pickle may mention, and what each means here. No other is let in, and none is ever run.
#pragma once

#include <optional>
#include <string_view>

#include "nn/tensor_file.h"

namespace moco {

enum class GlobalMeaning : uint8_t {
    dictionary,    // collections.OrderedDict
    tensor,        // torch._utils._rebuild_tensor_v2 (and the older _rebuild_tensor)
    parameter,     // torch._utils._rebuild_parameter: its first argument
    storage_type,  // torch.FloatStorage
    numpy_array,   // numpy.core.multiarray._reconstruct: filled afterwards
    numpy_buffer,  // numpy.core.numeric._frombuffer: the same by protocol 5
    numpy_scalar,  // numpy.core.multiarray.scalar
    numpy_dtype,   // numpy.dtype
    latin1_bytes,  // _codecs.encode: how Python 3 writes bytes by protocol 2
    known_object,  // says nothing about weights: settings, paths, dates
};

/// Nothing for names that are not on the list. `module_and_name`: "collections OrderedDict".
std::optional<GlobalMeaning> meaning_of_global(std::string_view module_and_name);

/// The elements' type of "torch FloatStorage"; nothing for types this program does not read.
std::optional<FileDType> dtype_of_storage(std::string_view module_and_name);

/// The elements' type of NumPy's "f4"; nothing for types this program does not read.
std::optional<FileDType> dtype_of_numpy(std::string_view descr);

}  // namespace moco
