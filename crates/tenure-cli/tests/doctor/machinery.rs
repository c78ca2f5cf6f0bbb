//! Nodes, volumes and load balancers.

use serde_json::json;
use tenure_testbed::unique_name;

use crate::support::{Test, compare};

#[tokio::test]
async fn a_pod_on_a_node_that_is_not_heard_of_and_the_claim_it_mounts_are_told() {
    let test = Test::start().await;
    let (name, node) = (unique_name("mounted"), unique_name("node"));
    test.namespace(&name).await;
    test.apply(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})).await;
    let conditions = json!([{
        "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
    }]);
    test.merge_status(&format!("/api/v1/nodes/{node}"), json!({"conditions": conditions})).await;
    test.apply(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data", "namespace": name, "finalizers": ["kubernetes.io/pvc-protection"],
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        },
    }))
    .await;
    tenure_testbed::eventually("the account of the pod is there", async || {
        let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        let request = http::Request::get(path).body(Vec::new()).expect("a request");
        test.client.request::<serde_json::Value>(request).await.ok()
    })
    .await;
    test.apply(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "namespace": name},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "db", "image": "example.com/db:1"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }))
    .await;
    compare("node_gone_would", &test.finds(&name, "NodeGone"));
    // Before the namespace controller would: it lets pods go first.
    let claim = format!("/api/v1/namespaces/{name}/persistentvolumeclaims/data");
    test.request("DELETE", &claim, None).await;
    test.hangs(&name).await;
    assert_eq!(test.finds(&name, "NodeGone")["severity"], "Likely");
    compare("claim_mounted", &test.finds(&name, "ClaimMounted"));
}

#[tokio::test]
async fn a_load_balancer_that_is_not_given_back_is_told() {
    let test = Test::start().await;
    let name = unique_name("balanced");
    test.namespace(&name).await;
    test.apply(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "web", "namespace": name,
            "finalizers": ["service.kubernetes.io/load-balancer-cleanup"],
        },
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }))
    .await;
    test.hangs(&name).await;
    compare("load_balancer", &test.finds(&name, "LoadBalancerRemains"));
}
