#include "moco/interchange/write_foreign.h"

#include "core/error.h"
#include "moco/interchange/pickle_globals.h"
#include "moco/interchange/pickle_writer.h"
#include "moco/interchange/strided_copy.h"
#include "moco/interchange/zip_writer.h"
#include "nn/npy.h"

namespace moco {
namespace {

std::string_view storage_of(FileDType dtype) {
    for (const char* name : {"DoubleStorage", "FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage",
                             "IntStorage", "ShortStorage", "CharStorage", "ByteStorage", "BoolStorage"}) {
        if (dtype_of_storage(std::string("torch ") + name) == dtype) return name;
    }
    fail("tensors of type {} have no storage in PyTorch", name_of(dtype));
}

/// NumPy's name of a type: "f4".
std::string_view numpy_name(FileDType dtype, const std::filesystem::path& path) {
    for (const char* name : {"f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1"}) {
        if (dtype_of_numpy(name) == dtype) return name;
    }
    fail("{} cannot be written: NumPy has no type for {}; --dtype f32 or f16 makes one", path.string(), name_of(dtype));
}

std::vector<std::byte> elements_of(const TensorItem& item, const std::filesystem::path& path) {
    std::vector<std::byte> elements = item.elements();
    check(static_cast<int64_t>(elements.size()) == bytes_of(item.dtype, item.shape),
          "{} cannot be written: tensor {} of shape {} has {} bytes", path.string(), item.name, shape_text(item.shape),
          elements.size());
    return elements;
}

std::string_view text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void write_torch(const std::filesystem::path& path, const PythonValue& root) {
    const std::string folder = "archive/";
    std::vector<const TensorItem*> tensors;
    std::string pickle;
    const auto tensor = [&](PickleWriter& to, const TensorItem& item) {
        to.global("torch._utils", "_rebuild_tensor_v2");
        to.put("((");
        to.text("storage");
        to.global("torch", storage_of(item.dtype));
        to.text(fmt::format("{}", tensors.size()));
        to.text("cpu");
        to.integer(bytes_of(item.dtype, item.shape) / static_cast<int64_t>(size_of(item.dtype)));
        to.put("tQ");
        to.integer(0);
        to.extents(item.shape);
        to.extents(row_major_strides(item.shape));
        to.put("\x89");  // needs no gradient
        to.global("collections", "OrderedDict");
        to.put(")RtR");
        tensors.push_back(&item);
    };
    PickleWriter writer(
        2, [&](std::string_view bytes) { pickle += bytes; }, tensor);
    writer.value(root);
    writer.stop();

    ZipWriter archive(path);
    archive.add(folder + "data.pkl", pickle);
    archive.add(folder + "byteorder", "little");
    for (size_t i = 0; i < tensors.size(); ++i) {
        archive.add(fmt::format("{}data/{}", folder, i), text_of(elements_of(*tensors[i], path)));
    }
    archive.add(folder + "version", "3\n");
    archive.commit();
}

void write_pickled_arrays(const std::filesystem::path& path, const PythonValue& root) {
    AtomicFile file(path);
    const auto array = [&](PickleWriter& to, const TensorItem& item) {
        const std::string_view name = numpy_name(item.dtype, path);
        const std::vector<std::byte> elements = elements_of(item, path);
        to.global("numpy.core.multiarray", "_reconstruct");
        to.put("(");
        to.global("numpy", "ndarray");
        to.extents({0});
        to.put(
            {"C\x01"
             "b"
             "tR(",
             6});
        to.integer(1);
        to.extents(item.shape);
        to.global("numpy", "dtype");
        to.put("(");
        to.text(name);
        to.put("\x89\x88tR(");
        to.integer(3);
        to.text(size_of(item.dtype) == 1 ? "|" : "<");
        to.put("NNN");
        to.integer(-1), to.integer(-1), to.integer(0);
        to.put("tb\x89");
        const auto size = static_cast<uint32_t>(elements.size());
        check(size == elements.size(), "{} cannot be written: tensor {} is larger than 4 GiB", path.string(),
              item.name);
        to.put("B");
        to.put({reinterpret_cast<const char*>(&size), sizeof(size)});
        to.put(text_of(elements));
        to.put("tb");
    };
    PickleWriter writer(
        3, [&](std::string_view bytes) { file.write(bytes); }, array);
    writer.value(root);
    writer.stop();
    file.commit();
}

void write_npz(const std::filesystem::path& path, const std::vector<TensorItem>& items) {
    ZipWriter archive(path);
    for (const TensorItem& item : items) {
        const std::string descr =
            fmt::format("{}{}", size_of(item.dtype) == 1 ? "|" : "<", numpy_name(item.dtype, path));
        const std::string header = npy_header(descr, item.shape);
        const std::vector<std::byte> elements = elements_of(item, path);
        const std::string_view pieces[] = {header, text_of(elements)};
        archive.add(item.name + ".npy", pieces);
    }
    archive.commit();
}

}  // namespace moco
