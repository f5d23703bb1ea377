// The elements, as a page without a framework has them.
import { Belfry, BelfryInbox, languages } from '@belfry/client/elements';
const bell = document.createElement('belfry-bell');
bell.getToken = async () => 'x'; bell.texts = { title: 'x' }; bell.open();
bell.addEventListener('belfry-open', (e) => { console.log(e.detail.item.seq); e.preventDefault(); });
const inbox: BelfryInbox = document.createElement('belfry-inbox'); inbox.show({ status: 'unread', category: null });
inbox.client = new Belfry({ user: 'a' }); languages.de = { ...languages.en };
const made: BelfryInbox = new BelfryInbox(); made.show();
bell.addEventListener('belfry-count', (e) => { const n: number = e.detail.unread; console.log(n); });
