// Construction of the method's state, and what its ranks share.
#include "moco/model.h"

namespace moco {
namespace {

void average_buffers(const ResNet& f, Communicator& comm) {
    for (NamedTensor& buffer : f.state().buffers) {
        if (buffer.tensor.dtype() == DType::f32) comm.all_reduce_mean(buffer.tensor);
    }
}

}  // namespace

Moco::Moco(const ResNetConfig& encoder, int64_t K, const SgdOptions& sgd_options, uint64_t seed, Backend& backend)
    : f_q(encoder, seed, backend),
      f_k(encoder, seed, backend),
      f_q_parameters(f_q.state().parameters, ArenaContents::values_and_gradients),
      f_k_parameters(f_k.state().parameters, ArenaContents::values_only),
      queue(K, f_q.output_dim(), seed, backend),
      sgd(f_q_parameters, sgd_options),
      state(backend) {
    f_k.copy_parameters_from(f_q);
}

void average_gradients(ParameterArena& f, Communicator& comm) {
    comm.all_reduce_mean(f.gradients());
}

void average_statistics(Moco& moco, Communicator& comm) {
    average_buffers(moco.f_q, comm);
    average_buffers(moco.f_k, comm);
}

}  // namespace moco
