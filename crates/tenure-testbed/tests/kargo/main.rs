//! The stand-in for Kargo does what Kargo does, its weaknesses too. There is no Tenure here.

mod lives;
mod processes;
mod support;
mod weaknesses;
