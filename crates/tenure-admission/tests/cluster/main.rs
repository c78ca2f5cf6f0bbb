//! Certificates on a real control plane, under the rights that the manifests give and no others:
//! the API server calls the webhook, and says whether it accepts what is served.

mod losses;
mod rotation;
mod start;
mod support;
