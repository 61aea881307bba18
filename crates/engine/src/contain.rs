//! Panics of the user's code stay its own.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// Runs a future of the user's; `None` if it panicked.
pub async fn without_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // After a panic the future is not polled again; what it leaves behind is the user's.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    #[tokio::test]
    async fn a_future_that_ends_gives_what_it_gives() {
        assert_eq!(without_panic(ready(7)).await, Some(7));
    }

    #[tokio::test]
    async fn a_panic_at_any_poll_is_an_end_without_a_result() {
        for waits in 0..2 {
            let panics = async {
                for _ in 0..waits {
                    tokio::task::yield_now().await;
                }
                panic!("after {waits} waits");
            };
            assert!(without_panic(panics).await.is_none());
        }
    }
}
