/* How kernel objects are read that a hook only points to. */
#ifndef TCPLENS_BPF_READ_H
#define TCPLENS_BPF_READ_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Set before load: this kernel has the function below (Linux 6.2). */
const volatile bool can_cast = false;

/* Gives a type to an address, whereupon the verifier lets it be read directly: a load instead of a call, and 0 where
 * there is nothing to read, as bpf_probe_read_kernel() has it. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

#define TYPED(object) ((typeof(object))bpf_rdonly_cast(object, bpf_core_type_id_kernel(typeof(*(object)))))

/* One field of a kernel object. */
#define READ(object, field)                                                                                            \
    ({                                                                                                                 \
        typeof(object) object_ = (object);                                                                             \
        typeof((void)0, object_->field) value_;                                                                        \
                                                                                                                       \
        if (can_cast)                                                                                                  \
            value_ = TYPED(object_)->field;                                                                            \
        else                                                                                                           \
            bpf_core_read(&value_, sizeof(value_), &object_->field);                                                   \
        value_;                                                                                                        \
    })

#endif
