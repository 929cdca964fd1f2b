// Pickles of dictionaries, lists, texts and numbers, by protocol 2 or, where bytes are in them, 3. Without a memo: what
// is there twice is written twice.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "moco/interchange/python_value.h"

namespace moco {

class PickleWriter {
  public:
    /// Writes the opcodes that leave a tensor on the stack.
    using WriteTensor = std::function<void(PickleWriter&, const TensorItem&)>;

    /// Values of `root` are written one after the other into `sink`, which is given them in pieces.
    PickleWriter(int protocol, std::function<void(std::string_view)> sink, WriteTensor tensor);

    void value(const PythonValue& value);
    void stop() { put("."); }

    // Pieces for WriteTensor.
    void put(std::string_view opcodes) { sink_(opcodes); }
    void global(std::string_view module, std::string_view name);
    void text(std::string_view text);
    void integer(int64_t number);
    /// A tuple of numbers.
    void extents(const std::vector<int64_t>& numbers);

  private:
    void dict(const PythonDict& dict);
    void list(const PythonList& list);
    void real(double number);

    std::function<void(std::string_view)> sink_;
    WriteTensor tensor_;
};

}  // namespace moco
