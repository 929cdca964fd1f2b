// CIFAR-10 and CIFAR-100, binary versions (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label byte, or
// of a coarse and a fine one, and 3072 bytes of pixels.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/error.h"
#include "moco/data/record_dataset.h"

namespace moco {
namespace {

struct Cifar {
    std::string name;  // "cifar10"
    std::string archive_folder;
    std::vector<std::string> train_files;
    std::string test_file;
    std::string names_file;
    RecordLayout layout;
    int64_t classes;
    Normalization normalization;
};

std::string folder_with_files(const Cifar& cifar, const std::string& folder) {
    std::error_code ignored;
    for (const std::filesystem::path& place :
         {std::filesystem::path(folder) / cifar.archive_folder, std::filesystem::path(folder)}) {
        if (std::filesystem::exists(place / cifar.test_file, ignored)) return place.string();
    }
    return folder;
}

/// Refuses a folder that holds the data set in another form than the one that is read.
void check_form(const Cifar& cifar, const std::string& folder) {
    const std::string digits = cifar.name == "cifar10" ? "10" : "100";
    const std::string python = fmt::format("cifar-{}-{}", digits, digits == "10" ? "batches-py" : "python");
    std::error_code ignored;
    const auto has = [&](const std::string& name) {
        return std::filesystem::exists(std::filesystem::path(folder) / name, ignored);
    };
    if (has(cifar.test_file)) return;
    const std::string archive = fmt::format("cifar-{}-binary.tar.gz", digits);
    check(!has(archive), "{0}: {1}/{2} is not unpacked: `tar xf {1}/{2} -C {1}` does that", cifar.name, folder,
          archive);
    for (const std::string& name : {python, fmt::format("cifar-{}-python.tar.gz", digits),
                                    cifar.train_files[0].substr(0, cifar.train_files[0].find('.'))}) {
        check(!has(name),
              "{0}: {1}/{2} is of the version for Python, which is not read: get the binary version with "
              "`scripts/get-data {0} DIR` and name it {0}:DIR",
              cifar.name, folder, name);
    }
}

std::vector<std::string> read_names(const std::string& path, int64_t classes) {
    std::vector<std::string> names;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (!line.empty()) names.push_back(line);
    }
    if (static_cast<int64_t>(names.size()) != classes) names.clear();
    return names;
}

DatasetPtr open_part(const Cifar& cifar, const std::string& folder, const std::string& part,
                     const std::vector<std::string>& names) {
    const std::string remedy = fmt::format(
        "get the binary version with `scripts/get-data {} DIR` and name it "
        "{}:DIR",
        cifar.name, cifar.name);
    std::vector<MappedFile> files;
    for (const std::string& name : names) {
        files.emplace_back((std::filesystem::path(folder) / name).string(), remedy);
    }
    DatasetInfo info;
    info.name = cifar.name;
    info.part = part;
    info.classes = cifar.classes;
    info.normalization = cifar.normalization;
    info.class_names = read_names((std::filesystem::path(folder) / cifar.names_file).string(), cifar.classes);
    return std::make_shared<RecordDataset>(std::move(info), cifar.layout, std::move(files), std::vector<uint8_t>());
}

Splits open_cifar(const Cifar& cifar, const std::string& given) {
    std::error_code ignored;
    check(!std::filesystem::is_regular_file(given, ignored),
          "{}: {} is a file, expected the folder that its archive unpacks to: `tar xf` unpacks it", cifar.name, given);
    check(std::filesystem::is_directory(given, ignored),
          "{}: there is no folder {}: get it with `scripts/get-data {} {}`", cifar.name, given, cifar.name, given);
    const std::string folder = folder_with_files(cifar, given);
    check_form(cifar, folder);
    const DatasetPtr train = open_part(cifar, folder, "train", cifar.train_files);
    return {train, train, open_part(cifar, folder, "test", {cifar.test_file})};
}

}  // namespace

Splits open_cifar10(const std::string& folder) {
    std::vector<std::string> train;
    for (int i = 1; i <= 5; ++i) train.push_back(fmt::format("data_batch_{}.bin", i));
    const Normalization normalization = {{0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}};
    return open_cifar({"cifar10",
                       "cifar-10-batches-bin",
                       train,
                       "test_batch.bin",
                       "batches.meta.txt",
                       {1, 32, PlaneOrder::rows},
                       10,
                       normalization},
                      folder);
}

Splits open_cifar100(const std::string& folder) {
    const Normalization normalization = {{0.5071f, 0.4865f, 0.4409f}, {0.2673f, 0.2564f, 0.2762f}};
    return open_cifar({"cifar100",
                       "cifar-100-binary",
                       {"train.bin"},
                       "test.bin",
                       "fine_label_names.txt",
                       {2, 32, PlaneOrder::rows},
                       100,
                       normalization},
                      folder);
}

}  // namespace moco
