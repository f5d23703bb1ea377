// dom.js for what the elements load later, which need not bring it again: those that
// the build makes have it from the element.
export const { below, bell, fill, h, icon, isRTL, say, set, sheet } = customElements.get('belfry-inbox').dom;
