#include "moco/interchange/pickle_globals.h"

#include <algorithm>
#include <iterator>

namespace moco {
namespace {

struct Row {
    std::string_view name;
    GlobalMeaning meaning;
};

constexpr Row kGlobals[] = {
    {"collections OrderedDict", GlobalMeaning::dictionary},
    {"torch._utils _rebuild_tensor", GlobalMeaning::tensor},
    {"torch._utils _rebuild_tensor_v2", GlobalMeaning::tensor},
    {"torch._utils _rebuild_parameter", GlobalMeaning::parameter},
    {"torch._utils _rebuild_parameter_with_state", GlobalMeaning::parameter},
    {"numpy.core.multiarray _reconstruct", GlobalMeaning::numpy_array},
    {"numpy._core.multiarray _reconstruct", GlobalMeaning::numpy_array},
    {"numpy.core.numeric _frombuffer", GlobalMeaning::numpy_buffer},
    {"numpy._core.numeric _frombuffer", GlobalMeaning::numpy_buffer},
    {"numpy.core.multiarray scalar", GlobalMeaning::numpy_scalar},
    {"numpy._core.multiarray scalar", GlobalMeaning::numpy_scalar},
    {"numpy dtype", GlobalMeaning::numpy_dtype},
    {"_codecs encode", GlobalMeaning::latin1_bytes},
};

// What the training scripts of others keep beside weights: arguments, settings, callbacks' states.
constexpr std::string_view kKnownObjects[] = {
    "numpy ndarray",
    "argparse Namespace",
    "collections defaultdict",
    "collections Counter",
    "collections deque",
    "__builtin__ dict",
    "__builtin__ list",
    "__builtin__ set",
    "__builtin__ object",
    "builtins dict",
    "builtins list",
    "builtins set",
    "builtins int",
    "builtins float",
    "builtins object",
    "builtins str",
    "copy_reg _reconstructor",
    "copyreg _reconstructor",
    "datetime date",
    "datetime datetime",
    "datetime timedelta",
    "enum Enum",
    "mmengine.config.config ConfigDict",
    "mmengine.logging.history_buffer HistoryBuffer",
    "omegaconf.base ContainerMetadata",
    "omegaconf.base Metadata",
    "omegaconf.dictconfig DictConfig",
    "omegaconf.listconfig ListConfig",
    "omegaconf.nodes AnyNode",
    "omegaconf.nodes BooleanNode",
    "omegaconf.nodes FloatNode",
    "omegaconf.nodes IntegerNode",
    "omegaconf.nodes StringNode",
    "pathlib Path",
    "pathlib PosixPath",
    "pathlib PurePosixPath",
    "pathlib WindowsPath",
    "pathlib._local PosixPath",
    "pytorch_lightning.callbacks.early_stopping EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint",
    "pytorch_lightning.utilities.parsing AttributeDict",
    "lightning_fabric.utilities.data AttributeDict",
    "lightning.fabric.utilities.data AttributeDict",
    "lightning_utilities.core.apply_func Any",
    "torch Size",
    "torch bfloat16",
    "torch bool",
    "torch device",
    "torch float16",
    "torch float32",
    "torch float64",
    "torch int32",
    "torch int64",
    "torch strided",
    "torch uint8",
    "torch.serialization _get_layout",
    "torch.version TorchVersion",
    "torch.torch_version TorchVersion",
    "typing Any",
};

struct StorageRow {
    std::string_view name;
    FileDType dtype;
};

constexpr StorageRow kStorages[] = {
    {"torch FloatStorage", FileDType::f32},     {"torch HalfStorage", FileDType::f16},
    {"torch BFloat16Storage", FileDType::bf16}, {"torch DoubleStorage", FileDType::f64},
    {"torch LongStorage", FileDType::i64},      {"torch IntStorage", FileDType::i32},
    {"torch ShortStorage", FileDType::i16},     {"torch CharStorage", FileDType::i8},
    {"torch ByteStorage", FileDType::u8},       {"torch BoolStorage", FileDType::boolean},
};

constexpr StorageRow kNumpy[] = {
    {"f4", FileDType::f32}, {"f2", FileDType::f16}, {"f8", FileDType::f64},
    {"i8", FileDType::i64}, {"i4", FileDType::i32}, {"i2", FileDType::i16},
    {"i1", FileDType::i8},  {"u1", FileDType::u8},  {"b1", FileDType::boolean},
};

template <typename Rows>
auto row_named(const Rows& rows, std::string_view name) {
    return std::find_if(std::begin(rows), std::end(rows), [=](const auto& row) { return row.name == name; });
}

}  // namespace

std::optional<GlobalMeaning> meaning_of_global(std::string_view module_and_name) {
    const auto* row = row_named(kGlobals, module_and_name);
    if (row != std::end(kGlobals)) return row->meaning;
    if (dtype_of_storage(module_and_name)) return GlobalMeaning::storage_type;
    const auto* known = std::find(std::begin(kKnownObjects), std::end(kKnownObjects), module_and_name);
    if (known != std::end(kKnownObjects)) return GlobalMeaning::known_object;
    return std::nullopt;
}

std::optional<FileDType> dtype_of_storage(std::string_view module_and_name) {
    constexpr std::string_view kCuda = "torch.cuda ";  // files of old, saved from a GPU
    std::string name(module_and_name);
    if (name.starts_with(kCuda)) name = "torch " + name.substr(kCuda.size());
    const auto* row = row_named(kStorages, name);
    return row == std::end(kStorages) ? std::nullopt : std::optional(row->dtype);
}

std::optional<FileDType> dtype_of_numpy(std::string_view descr) {
    const auto* row = row_named(kNumpy, descr);
    return row == std::end(kNumpy) ? std::nullopt : std::optional(row->dtype);
}

}  // namespace moco
