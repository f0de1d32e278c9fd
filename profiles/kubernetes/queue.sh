# shellcheck shell=bash disable=SC2034,SC2154
# Kubernetes as a batch system: these lines are yours to edit. Read by submit.sh, status.sh and cancel.sh.
namespace=default
image=registry.example/polyprune:latest    # made from envs/Containerfile
claim=polyprune                            # PersistentVolumeClaim, ReadWriteMany
mount=/mnt/polyprune                       # where snakemake sees it, and every pod
grace=60                                   # seconds that the last word of a job may take to be seen here

system=kubernetes
jobs=.snakemake/cluster    # a file a job under way, which ends as its exit code
logs=logs/cluster

quoted() { printf "'%s'" "${1//\'/\'\'}"; }

# Of variables of the environment a pod has those below, so add what a study needs, and node selectors and tolerations.
manifest() {
  cat << END
apiVersion: batch/v1
kind: Job
metadata:
  name: $id
  labels: {app: polyprune, rule: $rule}
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 3600
  template:
    metadata:
      labels: {app: polyprune, rule: $rule}
    spec:
      restartPolicy: Never
      # Of the pod, not of the Job: waiting for a node does not count.
      activeDeadlineSeconds: $((minutes * 60))
      automountServiceAccountToken: false
      # What a job writes belongs to who started it.
      securityContext: {runAsUser: $(id -u), runAsGroup: $(id -g), fsGroup: $(id -g)}
      containers:
        - name: polyprune
          image: $(quoted "$image")
          command: [bash, $(quoted "$script")]
          env:
            - {name: JOB_ID, value: $id}
            - {name: USER, value: polyprune}
            - {name: HOME, value: /tmp}
            - {name: HF_HOME, value: $(quoted "$mount/huggingface")}
            - {name: HF_HUB_OFFLINE, value: "${HF_HUB_OFFLINE:-0}"}
          resources:
            requests: {cpu: "$threads", memory: ${mem_mb}M}
            limits: {memory: ${mem_mb}M, nvidia.com/gpu: "$gpus"}
          volumeMounts:
            - {name: shared, mountPath: $(quoted "$mount")}
      volumes:
        - name: shared
          persistentVolumeClaim: {claimName: $(quoted "$claim")}
END
}

kubernetes_submit() {
  local id rule=${name#polyprune-} script
  id=polyprune-$(< /proc/sys/kernel/random/uuid)
  script=$PWD/$jobs/$id.sh
  cat > "$script"
  # A GPU of which there are none is no limit to name.
  manifest | if ((gpus == 0)); then sed 's|, nvidia.com/gpu: "0"||'; else cat; fi |
    kubectl --namespace "$namespace" create -f - >&2 && echo "$id"
}
kubernetes_lists() {
  local told
  # A queue that does not answer has not lost its jobs.
  told=$(kubectl --namespace "$namespace" get job "$1" --ignore-not-found \
    -o 'jsonpath={.metadata.name}={.status.succeeded}{.status.failed}') || return 0
  [[ $told == "$1=" ]]
}
kubernetes_cancel() { kubectl --namespace "$namespace" delete job --wait=false --ignore-not-found "$@"; }
