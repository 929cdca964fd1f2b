// The ResNet in a file of another program: found by its tensors' names, not asked for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nn/tensor_file.h"

namespace moco {

/// Which of a file's two encoders: `usual` is the one that the method's authors evaluate, the momentum encoder
/// (teacher) of DINO and f_q of all others.
enum class WhichEncoder { usual, query, key };
/// "q", "k"; Error for others, naming --encoder.
WhichEncoder which_encoder(const std::string& flag);

struct FoundNetwork {
    std::string layout;          // whose naming it is: "the reference code (MoCo v2)"
    std::string encoder_prefix;  // "state_dict.module.encoder_q."
    std::string head_prefix;     // what stands before "weight", or before "0.weight"; empty: no head that is known here
    std::map<std::string, std::string> names;  // of the file -> torchvision's, "fc." for the head
    std::vector<std::string> others;           // prefixes of further encoders in the file
};

/// Layouts: the reference code, its CIFAR demo, moco-v3, torchvision, timm, lightly, solo-learn, mmselfsup, mmpretrain,
/// vissl, DINO, SimSiam, Barlow Twins, detectron2, and any prefix before these names. Throws Error naming the file
/// where it holds no ResNet, or no momentum encoder where that was asked for.
FoundNetwork find_network(const TensorFile& file, WhichEncoder which);

}  // namespace moco
