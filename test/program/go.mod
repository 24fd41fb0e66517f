module github.com/clusterwright/kubectl-plugins/test/program

go 1.26.0
