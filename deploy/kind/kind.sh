#!/usr/bin/env bash
# Everything in a cluster of containers: Gitea, Argo CD, the External Secrets Operator, kept, and a few requests.
# Can be run again at any time: what is there is left, or brought up to date.
set -euo pipefail
cd "$(dirname "$0")/../.."

# What tests/parts runs, and the node of kind 0.30.
node=kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a
argocd=v3.5.7
external_secrets=0.20.4

name=kept
gitea=http://gitea-http.gitea.svc:3000/platform

k() { kubectl --context "kind-$name" "$@"; }
h() { helm --kube-context "kind-$name" "$@"; }

need() {
    local missing=0
    for tool in docker kind kubectl helm; do
        command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; missing=1; }
    done
    return $missing
}

up_cluster() {
    kind get clusters | grep --quiet --line-regexp "$name" || kind create cluster --name "$name" --image "$node" --wait 2m
}

namespace() { k create namespace "$1" --dry-run=client -o yaml | k apply -f -; }

# Passwords pass through pipes alone: arguments are for all to see.
secret() { # namespace, name
    k create secret generic "$2" -n "$1" --from-literal=username=platform --from-file=password=/dev/stdin \
        --dry-run=client -o yaml | k apply -f -
}

password() { k get secret admin -n gitea -o jsonpath='{.data.password}' | base64 --decode; }

# Calls Gitea's API, as its administrator, from inside of its container.
api() { # method, path, body
    printf 'user = "platform:%s"\n' "$(password)" |
        k exec -i -n gitea deployment/gitea -- curl --silent --show-error --config - --request "$1" \
            --header 'Content-Type: application/json' --data "$3" --output /dev/null --write-out '%{http_code}\n' \
            "http://localhost:3000/api/v1/$2"
}

expect() { # what, an answer that is fine, another one, the answer
    [[ $4 == "$2" || $4 == "$3" ]] || { echo "Gitea answers $4: $1" >&2; return 1; }
}

up_gitea() {
    k apply -f deploy/kind/gitea.yaml
    k rollout status -n gitea deployment/gitea --timeout=5m
    if ! k get secret admin -n gitea >/dev/null 2>&1; then
        k exec -n gitea deployment/gitea -- gitea admin user create --admin --username platform \
            --email platform@example.com --random-password --must-change-password=false |
            sed -n "s/.*random password is '\(.*\)'.*/\1/p" | tr -d '\n' | secret gitea admin
    fi
    local repository file
    for repository in state platform; do
        expect "make the repository $repository" 201 409 \
            "$(api POST user/repos "{\"name\": \"$repository\", \"auto_init\": true, \"default_branch\": \"main\"}")"
    done
    for file in README.md sandbox.yaml; do
        expect "add $file to the requests" 201 422 "$(api POST "repos/platform/platform/contents/platform/vclusters/$file" \
            "{\"branch\": \"main\", \"content\": \"$(base64 <"examples/vclusters/$file" | tr -d '\n')\"}")"
    done
}

up_argocd() {
    namespace argocd
    k apply -n argocd --server-side --force-conflicts \
        -f "https://raw.githubusercontent.com/argoproj/argo-cd/$argocd/manifests/install.yaml" >/dev/null
    k patch configmap argocd-cm -n argocd --type merge --patch-file deploy/argocd/argocd-cm.yaml
    k wait -n argocd --for=condition=Available deployment --all --timeout=5m
    sed "s|https://gitea.example.com/keeper|$gitea|" deploy/argocd/project.yaml | k apply -f -
}

up_external_secrets() {
    h upgrade --install external-secrets external-secrets --repo https://charts.external-secrets.io \
        --version "$external_secrets" -n external-secrets --create-namespace --wait --timeout 5m
    k apply -f deploy/kind/secret-store.yaml
}

up_kept() {
    docker build --tag kept:kind .
    kind load docker-image kept:kind --name "$name"
    namespace kept-system
    password | secret kept-system git
    # Once for the definitions, and once more for what is of their kinds.
    for wait in "" --wait; do
        h upgrade --install kept deploy/helm/kept -n kept-system -f deploy/helm/kept/examples/first-store.yaml \
            -f deploy/kind/values.yaml --timeout 5m ${wait:+"$wait"} >/dev/null
        k wait --for=condition=Established crd --all --timeout=1m >/dev/null
    done
    # The tag is the same for every build.
    k rollout restart -n kept-system deployment/kept
    k rollout status -n kept-system deployment/kept --timeout=5m
    k wait --for=condition=Ready gitstatestores,destinations --all --timeout=2m
}

up_requests() {
    namespace shop
    k apply -f examples/teams
    k wait --for=condition=Ready teams --all -A --timeout=2m
    sed "s|https://gitea.example.com/keeper|$gitea|" deploy/argocd/requests.yaml | k apply -f -
    k wait --for=create vclusterorchestrator/sandbox -n platform-requests --timeout=5m
    k wait --for=condition=Ready vclusterorchestrators --all -A --timeout=2m
}

tell() {
    cat <<END

Requests         kubectl get kept -A
Virtual cluster  kubectl get applications -n argocd      until vcluster-sandbox is Healthy; Argo CD looks every three minutes

Gitea            kubectl port-forward -n gitea service/gitea-http 3000      http://localhost:3000
                 platform, $(password)
Argo CD          kubectl port-forward -n argocd service/argocd-server 8080:443      https://localhost:8080
                 admin, $(k get secret argocd-initial-admin-secret -n argocd -o jsonpath='{.data.password}' | base64 --decode)

Ask for another virtual cluster by a file in platform/vclusters of the repository platform. The end: deploy/kind/kind.sh down
END
}

case ${1:-} in
up)
    need
    up_cluster
    up_gitea
    up_argocd
    up_external_secrets
    up_kept
    up_requests
    tell
    ;;
down) kind delete cluster --name "$name" ;;
*)
    echo "usage: $0 up|down" >&2
    exit 2
    ;;
esac
