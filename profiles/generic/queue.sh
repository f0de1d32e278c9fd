# shellcheck shell=bash disable=SC2034
# The batch system: the first line is the one to edit. Read by submit.sh, status.sh and cancel.sh.
system=sge    # sge: Grid Engine; pbs: OpenPBS, PBS Pro; lsf: Spectrum LSF
options=()    # what your site wants of every job: (-q gpu.q -P project), (-A account), (-q normal)
grace=60      # seconds that the last word of a job may take to be seen here

jobs=.snakemake/cluster    # a file a job under way, which ends as its exit code
logs=logs/cluster

# For each system: submit the script on standard input and print the id; say whether a job is still there; cancel jobs.
# A queue that does not answer has not lost its jobs: "still there" is then the answer.

sge_submit() {
  # Memory counts per slot. Where it is enforced, write h_vmem for mem_free; CUDA reserves far more than it uses.
  local ask=(-l "h_rt=$((minutes * 60)),mem_free=$((mem_mb / threads))M")
  ((threads == 1)) || ask+=(-pe smp "$threads")
  ((gpus == 0)) || ask+=(-l "gpu=$gpus")
  qsub -terse -V -S /bin/bash -N "$name" -j y -o /dev/null "${ask[@]}" "${options[@]}"
}
sge_lists() {
  local rows
  rows=$(qstat -u "$(id -un)") || return 0
  # A job in an error state (Eqw) would wait for ever.
  awk -v id="$1" '$1 == id && $5 !~ /E/ { found = 1 } END { exit !found }' <<<"$rows"
}
sge_cancel() { qdel "$@"; }

pbs_submit() {
  # Torque wants -l nodes=1:ppn=$threads,mem=${mem_mb}mb in place of select.
  local chunk="select=1:ncpus=$threads:mem=${mem_mb}mb"
  ((gpus == 0)) || chunk+=":ngpus=$gpus"
  qsub -V -S /bin/bash -N "$name" -j oe -o /dev/null -l "$chunk" -l "walltime=$((minutes / 60)):$((minutes % 60)):00" "${options[@]}"
}
pbs_lists() {
  local told code=0
  told=$(qstat -f "$1") || code=$?
  # 153: unknown, 35: finished.
  ((code != 153 && code != 35)) && [[ ! $told =~ job_state\ =\ [CF] ]]
}
pbs_cancel() { qdel "$@"; }

lsf_submit() {
  local ask=(-n "$threads" -W "$minutes" -R "span[hosts=1] rusage[mem=${mem_mb}MB]")
  ((gpus == 0)) || ask+=(-gpu "num=$gpus")
  bsub -J "$name" -o /dev/null "${ask[@]}" "${options[@]}" | sed -n 's/^Job <\([0-9]*\)>.*/\1/p'
}
lsf_lists() {
  local told
  told=$(bjobs -noheader -o stat "$1" 2>&1)
  [[ $told != DONE && $told != EXIT && $told != *"is not found"* ]]
}
lsf_cancel() { bkill "$@"; }
