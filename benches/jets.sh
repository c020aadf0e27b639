#!/usr/bin/env bash
# Every objective on the jets: five folds, seed 1, half of the resource. Needs a release build and the jets.
# Usage: benches/jets.sh lhc_jets_2400.npz [path of handaxe]
set -u
data=${1:?the jets as .npz}
handaxe=${2:-target/release/handaxe}
out=$(mktemp -d)
for objective in parameter gpu-flops vivado-dsp vivado-ff vivado-dsp-bram; do
    strategy=Resource
    [ "$objective" = vivado-ff ] && strategy=Latency
    echo "== $objective"
    "$handaxe" optimize --data "$data:x=hlf_ungroomed,y=label" --folds 5 --seed 1 --standardise true \
        --network dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax --l1 1e-4 --batch-size 64 --baseline-epochs 60 \
        --precision 'ap_fixed<16,6>' --reuse-factor 4 --io-type io_parallel --strategy $strategy \
        --objective "$objective" --final-sparsity 0.5 --steps 8 --epochs 20 --validation-split 0.3 --rtol 0.95 --quiet --out "$out/$objective"
    echo "exit code $?"
done
rm -rf "$out"
