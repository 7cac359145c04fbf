import { describe } from 'vitest';
import { promisesOfStore } from '../../support/call-store-contract.js';
import { SharedStore } from '../../support/fake-call-store.js';

const groups = new Map<string, SharedStore>();

describe('the store that unit tests use', () => {
  promisesOfStore(async (node, group) => {
    const shared = groups.get(group) ?? new SharedStore(() => 0);
    groups.set(group, shared);
    const store = shared.ofNode(node, 0, { connected() {}, disconnected() {} });
    store.up();
    return store;
  });
});
