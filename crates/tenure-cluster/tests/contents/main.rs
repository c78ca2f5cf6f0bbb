//! What is in a Namespace, read on a real control plane under Tenure's own roles.

mod cleaning;
mod reading;
mod support;
