// Construction of the method's state, what a checkpoint holds of it, and what its ranks share.
#include "moco/model.h"

namespace moco {

Moco::Moco(const NetworkConfig& encoder, int64_t K, const SgdOptions& sgd_options, uint64_t seed, Backend& backend)
    : f_q(encoder, seed, backend),
      f_k(encoder, seed, backend),
      f_q_parameters(f_q.state().parameters, ArenaContents::values_and_gradients),
      f_k_parameters(f_k.state().parameters, ArenaContents::values_only),
      queue(K, f_q.output_dim(), seed, backend),
      sgd(f_q_parameters, sgd_options),
      state(backend) {
    f_k.copy_parameters_from(f_q);
}

void Moco::visit(StateVisitor& visitor) {
    moco::visit(visitor, "encoder_q.", f_q.state());
    moco::visit(visitor, "encoder_k.", f_k.state());
    queue.visit(visitor);
    moco::visit(visitor, "optimizer.", sgd.momenta());
}

void average_gradients(ParameterArena& f, Communicator& comm) {
    comm.all_reduce_mean(f.gradients());
}

void average_statistics(const Network& f, Communicator& comm) {
    for (NamedTensor& buffer : f.state().buffers) {
        if (buffer.tensor.dtype() == DType::f32) comm.all_reduce_mean(buffer.tensor);
    }
}

}  // namespace moco
