// Command controlplane is a Kubernetes control plane in one binary: etcd,
// kube-apiserver, kube-controller-manager and kubectl, built from the very
// sources the releases are built from.
//
// It is a multi-call binary: what it does is told by the name it is called by
// (a link named kube-apiserver), or else by its first argument. It exists so
// that tests and the demo run against real parts on machines that can reach a
// Go module proxy and nothing else.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

var calls = map[string]func(){
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"kube-apiserver":          func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) },
	"kube-controller-manager": func() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) },
	"kubectl":                 func() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) },
}

func main() {
	if call, ok := calls[filepath.Base(os.Args[0])]; ok {
		call()
		return
	}
	if len(os.Args) > 1 {
		if call, ok := calls[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			call()
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager|kubectl [arguments]")
	os.Exit(2)
}
