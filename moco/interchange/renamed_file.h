// A file as if its tensors had torchvision's names.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "nn/tensor_file.h"

namespace moco {

/// Those tensors of another file that `names` renames (the file's name -> here), in its order. Messages name both.
class RenamedFile final : public TensorFile {
  public:
    /// Throws Error naming the file where two get one name.
    RenamedFile(std::shared_ptr<const TensorFile> file, const std::map<std::string, std::string>& names);

    void read(const TensorEntry& entry, void* target) const override;
    std::string called(const TensorEntry& entry) const override;

  private:
    std::shared_ptr<const TensorFile> file_;
    std::map<std::string, std::string> names_in_file_;
};

}  // namespace moco
